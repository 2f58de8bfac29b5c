"""Marking the return paths that the estate has given up, and letting them go when they are old."""

from __future__ import annotations

from collections.abc import Generator
from weakref import WeakKeyDictionary

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.state import State as PyinfraState
from pyinfra.context import ctx_host

from postroad.mail.return_paths import RETURN_PATHS, Step, asks_for_queues, script, steps
from postroad.roles.own import operation
from postroad.roles.run.ask import UnansweredError, ask
from postroad.roles.run.facts.oldest import OldestOfAll
from postroad.roles.run.site import Site

_BY_RUN: WeakKeyDictionary[PyinfraState, dict[str, Site]] = WeakKeyDictionary()


def due(site: Site) -> tuple[Step, ...]:
    """What is to be done to the marks of the host of ``site``, as far as the run knows by now."""
    state = site.state()
    together = _BY_RUN.setdefault(site.pyhost.state, {})
    together[site.host.name] = site
    others = [one.marks_at_first for one in together.values() if one is not site]
    known = [marks for marks in others if marks is not None]
    oldest = None
    if asks_for_queues(site.estate, state[RETURN_PATHS], state.clock):
        oldest = _oldest(site)
    return steps(site.estate, state[RETURN_PATHS], known, state.clock, oldest)


def _oldest(site: Site) -> float | None:
    """Since when the oldest mail of the estate waits; None where not every host can say."""
    active = {one.name: one for one in site.pyhost.state.active_hosts}
    answers = []
    for one in site.estate.hosts:
        if one.name not in active:
            return None
        try:
            with ctx_host.use(active[one.name]):
                answers.append(ask(active[one.name], OldestOfAll()))
        except UnansweredError:
            # What is not known is not empty: it is asked again by the next run.
            return None
    return min(answers)


@operation()
def keep(site: Site, taken: tuple[Step, ...]) -> Generator[StringCommand]:
    """Have inbound still take what may come back to addresses that the estate has given up.

    + site: the host during this run
    + taken: what was found to be done when the run was planned
    """
    # More hosts are known by now than when it was planned.
    now = due(site) if host.state.is_executing else taken
    if not now:
        host.noop("no return path was given up")
        return
    yield StringCommand("sh", "-s", _stdin=script(now))
    site.forget()
