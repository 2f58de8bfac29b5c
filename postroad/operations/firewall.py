"""The firewall's operations, fed from the host's one state instead of questions of their own."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra.api.command import PyinfraCommand, StringCommand

from postroad.host.change import check_script, script
from postroad.mail.firewall import openings as openings_of
from postroad.mail.firewall import ufw as rules
from postroad.mail.firewall.found import FIREWALL
from postroad.mail.parts.context import Builder
from postroad.operations import ufw
from postroad.operations.own import operation
from postroad.roles.run import made
from postroad.roles.run.site import Site

Commands = Generator[str | PyinfraCommand]


@operation()
def openings(site: Site, wanted: Sequence[rules.Rule]) -> Commands:
    """Add the openings that are missing; close nothing yet."""
    yield from _forgetting(
        site, ufw.openings._inner(wanted=wanted, state=lambda: site.state()[FIREWALL])
    )


@operation()
def enforce(site: Site, wanted: Sequence[rules.Rule]) -> Commands:
    """Defaults, purge and enable, with a way back when the next connection does not come in."""
    yield from _forgetting(
        site, ufw.firewall._inner(wanted=wanted, state=lambda: after_openings(site, wanted))
    )


def after_openings(site: Site, wanted: Sequence[rules.Rule]) -> rules.State:
    """What `enforce` meets: while the run is only planned, the openings are still to come."""
    found = site.state()[FIREWALL]
    return found if site.pyhost.state.is_executing else rules.opened(found, wanted)


def still_to_enforce(site: Site, wanted: Sequence[rules.Rule]) -> tuple[str, ...]:
    """What `enforce` would do once the openings are there, in words."""
    found = after_openings(site, wanted)
    plan = rules.plan_firewall(found, rules.Firewall(rules=tuple(wanted)))
    armed = ("the timer that a run which died has left armed",) if found.rollback_armed else ()
    return (*(rules.told(words).removeprefix("ufw ") for words in plan.commands), *armed)


def differing(site: Site) -> tuple[str, ...]:
    """Everything of ufw's rules and defaults that is not as it must be, in words."""
    wanted = openings_of.wanted(site.estate, site.host)
    missing = rules.missing(site.state()[FIREWALL], wanted)
    return (*map(str, missing), *still_to_enforce(site, wanted))


@operation()
def early_rules(site: Site) -> Commands:
    """The rules that the ufw command cannot say; a reload of an active firewall is guarded."""
    if not made.drift(site, Builder.firewall):
        return
    status = site.state()[FIREWALL].status
    component = made.component(site, Builder.firewall)
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
