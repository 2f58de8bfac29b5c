"""The firewall, in two steps: open what later roles need, and close the rest when all stands."""

from __future__ import annotations

from postroad.mail.firewall import openings, ufw
from postroad.mail.parts.context import Builder
from postroad.operations import firewall as operations
from postroad.roles.apply import converge, titled
from postroad.roles.own import deploy
from postroad.roles.run.site import Site


@deploy("Firewall")
def open_up(site: Site) -> None:
    """Add the openings (SSH first, port 80 before the certificate needs it); close nothing."""
    wanted = openings.wanted(site.estate, site.host)
    missing = ufw.missing(site.state().firewall, wanted)
    operations.openings(name=titled(site, "Openings", missing), site=site, wanted=wanted)


@deploy("Firewall")
def enforce(site: Site) -> None:
    """Close everything else and switch it on; port 25 outward is for Postfix alone."""
    wanted = openings.wanted(site.estate, site.host)
    operations.early_rules(
        name=titled(site, "Early rules", site.drift(Builder.firewall)), site=site
    )
    still = operations.still_to_enforce(site, wanted)
    operations.enforce(name=titled(site, "Rules and defaults", still), site=site, wanted=wanted)
    # The last step that changes a host, in a run that has brought everything else there: nothing
    # runs from it any more. Most hosts have nothing of it.
    if site.drift(Builder.earlier):
        converge(site, "What an earlier postroad left", Builder.earlier)
