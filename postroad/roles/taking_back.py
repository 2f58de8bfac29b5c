"""A host leaves the estate altogether, its mail delivered first: deploys/leave.py."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from weakref import WeakKeyDictionary

from pyinfra import host
from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.state import State

from postroad.mail.firewall.found import FIREWALL
from postroad.mail.firewall.rule import Rule
from postroad.mail.leaving import host as leaving_host
from postroad.mail.parts.order import everything
from postroad.mail.questions import shape
from postroad.mail.version import CONVERGED_BY, refusal
from postroad.roles import ufw
from postroad.roles.apply import name_what_differs, titled
from postroad.roles.departure import Departure, last_words
from postroad.roles.own import deploy, operation
from postroad.roles.run.left_out import RefusedError, alone
from postroad.roles.run.pyinfra_words import at_the_end
from postroad.roles.run.site import Site
from postroad.settings.terminal import warn

Commands = Generator[str | PyinfraCommand]

EVERYBODY = "all"

_BY_RUN: WeakKeyDictionary[State, dict[str, Departure]] = WeakKeyDictionary()


@alone
def departing(site: Site) -> Departure:
    """The host on its way out. PyinfraError where it cannot be meant, or cannot be done."""
    state = site.pyhost.state
    limit = state.limit_hosts
    names = {one.name for one in (state.inventory if limit is None else limit)}
    staying = [one.name for one in site.estate.hosts if one.name not in names]
    if not staying and site.pyhost.data.get("leave") != EVERYBODY:
        raise PyinfraError(
            "every host of the estate would leave it: say which one does, as --limit "
            f"{site.host.name}, or that all of them do, as --data leave={EVERYBODY}"
        )
    if reason := refusal(site.state()[CONVERGED_BY]):
        raise RefusedError(f"{site.host.name} is left as it is: {reason}")
    departure = Departure.of(site)
    _BY_RUN.setdefault(state, {})[site.host.name] = departure
    return departure


@deploy("Leave")
def leave(departure: Departure) -> None:
    """Close and drain its instances; when they are empty, take everything of ours back."""
    site, ours = departure.site, departure.ours()
    closed = [one.name for one in leaving_host.to_close(ours)]
    close(name=titled(site, "Close to new mail", closed), departure=departure)
    is_held = departure.is_held
    stopped = [one.name for one in ours.instances if ours.runs and not is_held]
    stop(name=titled(site, "Stop and remove", stopped), departure=departure)
    early = ("early rules",) if leaving_host.early_rules(ours) else ()
    rules = () if is_held else (*departure.rules(), *early)
    remove_rules(name=titled(site, "Firewall", rules), departure=departure)
    parts = () if is_held else leaving_host.parts(ours)
    give_back(name=titled(site, "Take back", parts), departure=departure)
    farewell(
        name="What stays",
        departure=departure,
        departures=_BY_RUN[site.pyhost.state],
    )
    name_what_differs(site.pyhost.state)


@operation()
def close(departure: Departure) -> Generator[StringCommand]:
    """Close every instance to new mail, and have it try at once what it has.

    + departure: the host on its way out
    """
    ours = departure.ours()
    if not leaving_host.to_close(ours):
        host.noop("no instance takes mail")
        return
    yield StringCommand("sh", "-s", _stdin=leaving_host.closing(ours))
    departure.forget()


@operation()
def stop(departure: Departure) -> Generator[StringCommand]:
    """Stop the instances and remove ours, where none has mail.

    + departure: the host on its way out
    """
    ours = departure.ours()
    if ours.draining or not ours.runs:
        host.noop("mail is still to be delivered" if ours.draining else "no instance is there")
        return
    yield StringCommand("sh", "-s", _stdin=leaving_host.stopping(ours))
    departure.forget()


@operation()
def remove_rules(departure: Departure) -> Commands:
    """Remove the rules for mail; SSH and what is declared besides stays open.

    + departure: the host on its way out
    """
    gone = departure.rules()
    early = leaving_host.early_rules(departure.ours())
    if departure.is_held or not (gone or early):
        host.noop("no rule of ours is to go")
        return
    found = departure.site.state()[FIREWALL]
    if fault := leaving_host.lockout(found, gone):
        yield from ufw.refuse(fault)
        return
    commands = [*_deletions(gone), *([StringCommand("sh", "-s", _stdin=early)] if early else [])]
    is_active = found.status is not None and found.status.active
    yield from ufw.guarded(commands) if is_active else commands
    departure.forget()


def _deletions(rules: Iterable[Rule]) -> list[StringCommand]:
    return [StringCommand(*(QuoteString(word) for word in rule.delete())) for rule in rules]


@operation()
def give_back(departure: Departure) -> Generator[StringCommand]:
    """Remove every file of ours, and put back what was there before; the marks of it go last.

    + departure: the host on its way out
    """
    ours = departure.ours()
    if departure.is_held or not leaving_host.parts(ours):
        host.noop("nothing of ours is there to be taken back")
        return
    site = departure.site
    parts = everything(shape(site.estate, site.host))
    yield StringCommand("sh", "-s", _stdin=leaving_host.files(ours, parts))
    departure.forget()


@operation()
def farewell(departure: Departure, departures: Mapping[str, Departure]) -> Generator[StringCommand]:
    """Say what is still to deliver, or what stays. It changes nothing.

    + departure: the host on its way out
    + departures: all of the run, by host, for what is said once
    """
    yield from ()
    if not host.state.is_executing:
        return
    active = host.state.active_hosts
    together = [one for one in departures.values() if one.site.pyhost in active]
    # The first host speaks for all of them.
    if departure is together[0]:
        at_the_end(host.state, warn, last_words(together))
