"""The host itself: packages, name, clock, resolver, logs, and the tools that later roles use."""

from __future__ import annotations

from postroad.mail.parts.context import Builder
from postroad.operations import base as operations
from postroad.roles.apply import converge, titled
from postroad.roles.own import deploy
from postroad.roles.run.site import Site


@deploy("Base")
def base(site: Site) -> None:
    """A host that has what it needs, knows its name and the time, and resolves names itself."""
    converge(site, "How apt behaves", Builder.packaging)
    operations.packages(name=titled(site, "Packages", operations.missing_packages(site)), site=site)
    operations.mailbox_user(
        name=titled(site, "Owner of the mailboxes", operations.missing_user(site)), site=site
    )
    converge(site, "Host name and hosts file", Builder.identity)
    operations.hostname(name=titled(site, "Host name", operations.wrong_hostname(site)), site=site)
    converge(site, "Time synchronisation", Builder.clock)
    converge(site, "Tools of postroad", Builder.tools)
    converge(site, "Validating resolver", Builder.resolver)
    converge(site, "Use the resolver", Builder.resolv_conf)
    converge(site, "Unit templates", Builder.units)
    converge(site, "Logs", Builder.logs)
