"""Rotating the DKIM keys that were made on the hosts, a step a run: deploys/rotate_dkim.py.

One plan for all hosts of a run, a host's share of it an operation. Where the estate names its
zones, the run publishes what the keys want there.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from gevent.lock import BoundedSemaphore  # type: ignore[import-untyped]
from pyinfra import host
from pyinfra.api.command import FunctionCommand, StringCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host as PyinfraHost
from pyinfra.api.state import State as PyinfraState
from pyinfra.context import ctx_host

from postroad.dns import dkim, publishing
from postroad.dns.changes import ZonePlan
from postroad.dns.dkim import UnusableKeyError
from postroad.dns.plan_text import outcome_text, plan_text
from postroad.dns.primaries import places
from postroad.dns.primary import PrimaryError
from postroad.dns.publishing import Place
from postroad.dns.sight import absent_for_all, seen_by_all
from postroad.host.asked import Asked
from postroad.mail.signing.found import KEYS, KeyState
from postroad.mail.signing.rotation import Seen, Step, pending, script, steps
from postroad.roles.apply import titled
from postroad.roles.own import deploy, operation
from postroad.roles.run import made
from postroad.roles.run.facts.oldest import OLDEST_QUEUED
from postroad.roles.run.left_out import OF_A_HOST, named, of
from postroad.roles.run.live import live_keys, withdrawn_keys
from postroad.roles.run.site import Site
from postroad.settings.faults import PlainError
from postroad.settings.model import StreamName
from postroad.settings.terminal import fail, inform, shown

_TOGETHER = (
    "The hosts of a stream change their keys together, so nothing was rotated: run it for all "
    "hosts, without --limit, when all of them answer and none is refused"
)


@dataclass
class Rotations:
    """The plan of each run. pyinfra has no place for what the hosts of a run share."""

    _by_run: WeakKeyDictionary[PyinfraState, tuple[Step, ...]] = field(
        default_factory=WeakKeyDictionary
    )
    _lock: BoundedSemaphore = field(default_factory=BoundedSemaphore)

    def steps(self, site: Site) -> tuple[Step, ...]:
        """What the run does to the keys of all its hosts, planned once for all of them."""
        run = site.pyhost.state
        # pyinfra prepares all hosts at once: each would make a plan of its own, a moment apart.
        with self._lock:
            if run not in self._by_run:
                self._by_run[run] = _planned(sites(site))
        return self._by_run[run]


_ROTATIONS = Rotations()


@deploy("DKIM rotation")
def rotate(site: Site) -> None:
    """What may be done today: make, publish, watch, switch, revoke, withdraw or forget keys."""
    taken = _ROTATIONS.steps(site)
    own = tuple(step for step in taken if step.host == site.host.name)
    take(name=titled(site, "Rotation", own), site=site, taken=own)
    publish(name="Records of the keys", site=site, taken=taken)


def sites(site: Site) -> list[Site]:
    """A site for every host of the estate. PyinfraError where the run lacks one of them."""
    of(site.pyhost.state).needs_all = _TOGETHER
    active = {one.name: one for one in site.pyhost.state.active_hosts}
    absent = [one.name for one in site.estate.hosts if one.name not in active]
    if absent:
        raise PyinfraError(f"{', '.join(absent)} is not in this run. {_TOGETHER}")
    return [Site(active[one.name], site.estate, site.base) for one in site.estate.hosts]


def _planned(together: list[Site]) -> tuple[Step, ...]:
    found: dict[str, tuple[KeyState, ...]] = {}
    oldest: dict[tuple[str, StreamName], float] = {}
    now = 0.0
    for site in together:
        with ctx_host.use(site.pyhost):
            _refuse(site)
            found[site.host.name] = site.state()[KEYS]
            now = max(now, site.state().clock)
            for stream, since in _oldest(site).items():
                oldest[site.host.name, stream] = since
    estate = together[0].estate
    resolvers = estate.dns.resolvers
    names = seen_by_all(resolvers, pending(estate, found))
    leaving = (key.owner for key in withdrawn_keys(together))
    return steps(estate, found, Seen(now, names, absent_for_all(resolvers, leaving), oldest))


def _refuse(site: Site) -> None:
    """PyinfraError, with the host's reason, where ``site`` cannot take part."""
    try:
        made.refuse(site)
    except OF_A_HOST as error:
        raise PyinfraError(f"{named(site.pyhost, error)}\n{_TOGETHER}") from None


def _oldest(site: Site) -> dict[StreamName, float]:
    streams = list(site.host.streams)
    said = site.ask(Asked(OLDEST_QUEUED, *streams))
    return {stream: said[stream] for stream in streams if stream in said}


@operation()
def take(site: Site, taken: tuple[Step, ...]) -> Generator[StringCommand]:
    """Take the host's share of the plan.

    + site: the host during this run
    + taken: its steps
    """
    if not taken:
        host.noop("no key is due")
        return
    state = site.state()
    yield StringCommand("sh", "-s", _stdin=script(taken, state[KEYS], state.clock))
    site.forget()


@operation()
def publish(site: Site, taken: tuple[Step, ...]) -> Generator[FunctionCommand]:
    """Have the estate's zones hold the records of its keys, and none of those that are gone.

    One host acts for all. Nothing to do where the estate names no zones: then the report tells.

    + site: the host during this run
    + taken: the steps of all hosts
    """
    estate = site.estate
    if not estate.dns.zones or site.host != estate.hosts[0]:
        host.noop("the first host does it for all")
        return
    together = sites(site)
    if not taken and _is_published(together):
        host.noop("the zones hold the records of all keys")
        return
    yield FunctionCommand(_publish, (together,), {})


def _zones(together: list[Site]) -> list[Place]:
    """The declared zones, with the records of keys alone: the rest is `postroad dns publish`'s."""
    estate, base = together[0].estate, together[0].base
    try:
        wanted = tuple(dkim.records(estate, live_keys(together)))
        gone = tuple(dkim.records(estate, withdrawn_keys(together)))
    except UnusableKeyError as fault:
        raise PyinfraError(shown(str(fault))) from None
    return places(estate, base, wanted, gone)


def _is_published(together: list[Site]) -> bool:
    """Whether there is nothing to do. A primary that does not answer is asked again later."""
    looked = publishing.look(_zones(together)).values()
    return all(isinstance(plan, ZonePlan) and plan.is_settled for plan in looked)


def _publish(state: PyinfraState, host: PyinfraHost, together: list[Site]) -> bool:
    """Change the zones; whether they hold all of it now. Run while pyinfra executes."""
    for site in together:
        site.forget()
    try:
        held = _zones(together)
    except (PyinfraError, PlainError) as error:
        fail(str(error))
        return False
    looked = publishing.look(held)
    faults = [str(found) for found in looked.values() if isinstance(found, PrimaryError)]
    plans = {zone: found for zone, found in looked.items() if isinstance(found, ZonePlan)}
    known = [place for place in held if place.zone in plans]
    outcomes = publishing.carry_out(known, plans)
    for plan in plans.values():
        if not plan.is_settled:
            inform(plan_text(plan))
    inform(outcome_text(plans, outcomes))
    after = {**plans, **{z: came for z, came in outcomes.items() if isinstance(came, ZonePlan)}}
    faults += [str(came) for came in outcomes.values() if isinstance(came, PrimaryError)]
    for fault in faults:
        fail(fault)
    return not faults and all(plan.is_settled for plan in after.values())
