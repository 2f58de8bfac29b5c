"""The keys that sign: made on the host where it has none, or brought by the operator.

They are made before the streams, whose signers read them.
"""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api.command import StringCommand

from postroad.host.paths import key_path
from postroad.mail.signing.keys import KeyFault, key_faults, script
from postroad.roles.apply import titled
from postroad.roles.own import deploy, operation
from postroad.roles.run.site import Site
from postroad.settings.model import SecretRef


@deploy("DKIM")
def keys(site: Site) -> None:
    """One key a stream and sending domain, made on the host or supplied."""
    supply(name=titled(site, "Keys", faults(site)), site=site)


def faults(site: Site) -> tuple[KeyFault, ...]:
    """What of the host's keys is not as it must be."""
    return key_faults(site.estate, site.host, site.state())


@operation()
def supply(site: Site) -> Generator[StringCommand]:
    """Make, bring or mend the keys; a key that is there is never replaced."""
    found = faults(site)
    if not found:
        host.noop("every key is there")
        return
    secrets = {
        key_path(s.stream, s.domain, s.selector): site.secret(s.key)
        for s in (fault.key.supplied for fault in found if fault.how == "missing")
        if s is not None and isinstance(s.key, SecretRef)
    }
    yield StringCommand("sh", "-s", _stdin=script(found, secrets))
    site.forget()
