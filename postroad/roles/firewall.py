"""The firewall, in two steps: open what later roles need, and close the rest when all stands.

Its operations are fed from the host's one state instead of questions of their own.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import PyinfraCommand, StringCommand

from postroad.host.change import check_script, script
from postroad.mail.firewall import allowed
from postroad.mail.firewall.found import FIREWALL
from postroad.mail.firewall.plan import Firewall, missing, once_allowed, plan_firewall, told
from postroad.mail.firewall.read import FirewallState
from postroad.mail.firewall.rule import Rule
from postroad.mail.parts import earlier, firewall
from postroad.roles import ufw
from postroad.roles.apply import converge, titled
from postroad.roles.own import deploy, operation
from postroad.roles.run import made
from postroad.roles.run.site import Site

Commands = Generator[str | PyinfraCommand]


@deploy("Firewall")
def open_up(site: Site) -> None:
    """Add the openings (SSH first, port 80 before the certificate needs it); close nothing."""
    wanted = allowed.rules(site.estate, site.host)
    lacking = missing(site.state()[FIREWALL], wanted)
    allow(name=titled(site, "Openings", lacking), site=site, wanted=wanted)


@deploy("Firewall")
def enforce(site: Site) -> None:
    """Close everything else and switch it on; port 25 outward is for Postfix alone."""
    wanted = allowed.rules(site.estate, site.host)
    early_rules(name=titled(site, "Early rules", made.drift(site, firewall.PART)), site=site)
    still = still_to_enforce(site, wanted)
    close_the_rest(name=titled(site, "Rules and defaults", still), site=site, wanted=wanted)
    # The last step that changes a host, in a run that has brought everything else there: nothing
    # runs from it any more. Most hosts have nothing of it.
    if made.drift(site, earlier.PART):
        converge(site, earlier.PART)


@operation()
def allow(site: Site, wanted: Sequence[Rule]) -> Commands:
    """Add the openings that are missing; close nothing yet."""
    yield from _forgetting(
        site, ufw.allow._inner(wanted=wanted, state=lambda: site.state()[FIREWALL])
    )


@operation()
def close_the_rest(site: Site, wanted: Sequence[Rule]) -> Commands:
    """Defaults, purge and enable, with a way back when the next connection does not come in."""
    yield from _forgetting(
        site, ufw.firewall._inner(wanted=wanted, state=lambda: as_met(site, wanted))
    )


def as_met(site: Site, wanted: Sequence[Rule]) -> FirewallState:
    """What `close_the_rest` meets: in a run that is only planned, openings are still to come."""
    found = site.state()[FIREWALL]
    return found if site.pyhost.state.is_executing else once_allowed(found, wanted)


def still_to_enforce(site: Site, wanted: Sequence[Rule]) -> tuple[str, ...]:
    """What `close_the_rest` would do once the openings are there, in words."""
    found = as_met(site, wanted)
    plan = plan_firewall(found, Firewall(rules=tuple(wanted)))
    armed = ("the timer that a run which died has left armed",) if found.rollback_armed else ()
    return (*(told(words).removeprefix("ufw ") for words in plan.commands), *armed)


def differing(site: Site) -> tuple[str, ...]:
    """Everything of ufw's rules and defaults that is not as it must be, in words."""
    wanted = allowed.rules(site.estate, site.host)
    lacking = missing(site.state()[FIREWALL], wanted)
    return (*map(str, lacking), *still_to_enforce(site, wanted))


@operation()
def early_rules(site: Site) -> Commands:
    """The rules that the ufw command cannot say; a reload of an active firewall is guarded."""
    if not made.drift(site, firewall.PART):
        return
    status = site.state()[FIREWALL].status
    component = made.component(site, firewall.PART)
    apply = StringCommand("sh", "-s", _stdin=script(component, site.state()))
    if status is not None and status.active:
        # A refusal must come before the timer is armed that switches the firewall off.
        yield StringCommand("sh", "-s", _stdin=check_script(component))
        yield from ufw.guarded([apply])
    else:
        yield apply
    site.forget()


def _forgetting(site: Site, commands: Commands) -> Commands:
    changed = False
    for command in commands:
        changed = True
        yield command
    if changed:
        site.forget()
