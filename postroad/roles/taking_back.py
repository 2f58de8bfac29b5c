"""A host leaves the estate altogether: deploys/leave.py."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.state import State

from postroad.mail.leaving import host as taken_back
from postroad.operations import taking_back as operations
from postroad.operations.taking_back import Departure
from postroad.roles.apply import name_what_differs, titled
from postroad.roles.own import deploy
from postroad.roles.run.left_out import alone
from postroad.roles.run.site import Site

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
    departure = Departure.of(site)
    _BY_RUN.setdefault(state, {})[site.host.name] = departure
    return departure


@deploy("Leave")
def leave(departure: Departure) -> None:
    """Close and drain its instances; when they are empty, take everything of ours back."""
    site, ours = departure.site, departure.ours()
    closed = [one.name for one in taken_back.to_close(ours)]
    operations.close(name=titled(site, "Close to new mail", closed), departure=departure)
    is_held = departure.is_held
    stopped = [one.name for one in ours.instances if ours.runs and not is_held]
    operations.stop(name=titled(site, "Stop and remove", stopped), departure=departure)
    early = ("early rules",) if taken_back.early_rules(ours) else ()
    rules = () if is_held else (*departure.rules(), *early)
    operations.firewall(name=titled(site, "Firewall", rules), departure=departure)
    parts = () if is_held else taken_back.parts(ours)
    operations.give_back(name=titled(site, "Take back", parts), departure=departure)
    operations.farewell(
        name="What stays",
        departure=departure,
        departures=_BY_RUN[site.pyhost.state],
    )
    name_what_differs(site.pyhost.state)
