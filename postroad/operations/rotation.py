"""Rotating DKIM keys: one plan for all hosts of a run, a host's share of it an operation."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from gevent.lock import BoundedSemaphore  # type: ignore[import-untyped]
from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.state import State as PyinfraState
from pyinfra.context import ctx_host

from postroad.dns.sight import seen_by_all
from postroad.facts.queues import OldestQueued
from postroad.rotation import Seen, Step, pending, script, steps
from postroad.settings.model import StreamName
from postroad.site import Site
from postroad.state import KeyState


@dataclass
class Rotations:
    """The plan of each run. pyinfra has no place for what the hosts of a run share."""

    _by_run: WeakKeyDictionary[PyinfraState, tuple[Step, ...]] = field(
        default_factory=WeakKeyDictionary
    )
    _lock: BoundedSemaphore = field(default_factory=BoundedSemaphore)

    def steps(self, site: Site) -> tuple[Step, ...]:
        """What the run does to the keys of the host of ``site``, planned once for all hosts."""
        run = site.pyhost.state
        # pyinfra prepares all hosts at once: each would make a plan of its own, a moment apart.
        with self._lock:
            if run not in self._by_run:
                self._by_run[run] = _planned(_sites(site))
        return tuple(step for step in self._by_run[run] if step.host == site.host.name)


def _sites(site: Site) -> list[Site]:
    """A site for every host of the estate. PyinfraError where the run lacks one of them."""
    active = {one.name: one for one in site.pyhost.state.active_hosts}
    absent = [one.name for one in site.estate.hosts if one.name not in active]
    if absent:
        raise PyinfraError(
            f"{', '.join(absent)} is not in this run, and the hosts of a stream change their keys "
            "together: run it for all hosts, without --limit, when all of them answer"
        )
    return [Site(active[one.name], site.estate, site.base) for one in site.estate.hosts]


def _planned(sites: list[Site]) -> tuple[Step, ...]:
    found: dict[str, tuple[KeyState, ...]] = {}
    oldest: dict[tuple[str, StreamName], float] = {}
    now = 0.0
    for site in sites:
        with ctx_host.use(site.pyhost):
            found[site.host.name] = site.state().keys
            now = max(now, site.state().clock)
            for stream, since in _oldest(site).items():
                oldest[site.host.name, stream] = since
    estate = sites[0].estate
    names = seen_by_all(estate.dns.resolvers, pending(estate, found))
    return steps(estate, found, Seen(now, names, oldest))


def _oldest(site: Site) -> dict[StreamName, float]:
    streams = list(site.host.streams)
    said = site.pyhost.get_fact(OldestQueued, streams=streams)
    return {stream: said[stream] for stream in streams if stream in said}


@operation()
def rotate(site: Site, taken: tuple[Step, ...]) -> Generator[StringCommand]:
    """Take the host's share of the plan.

    + site: the host during this run
    + taken: its steps
    """
    if not taken:
        host.noop("no key is due")
        return
    state = site.state()
    yield StringCommand("sh", "-s", _stdin=script(taken, state.keys, state.clock))
    site.forget()
