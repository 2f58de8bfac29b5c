"""Closing, draining and removing what the estate has taken away from a host."""

from __future__ import annotations

import math
from collections.abc import Generator

from pyinfra import host
from pyinfra.api.command import StringCommand

from postroad.ask import UnansweredError
from postroad.facts.oldest import OldestOfAll
from postroad.keys import OrphanStep, orphan_steps
from postroad.leaving import script, still_to_do
from postroad.operations.own import operation
from postroad.site import Site
from postroad.taken_away import Instance


def orphans(site: Site) -> tuple[Instance | OrphanStep, ...]:
    """What of the host the run has to close, to mark or to remove."""
    return (*still_to_do(site.state().leaving), *_keys(site))


def _keys(site: Site) -> tuple[OrphanStep, ...]:
    state, estate, own = site.state(), site.estate, site.host
    # Whether one is to be removed hangs on what waits: it is asked where one could be.
    if not orphan_steps(estate, own, state.keys, state.clock, math.inf):
        return ()
    try:
        oldest = site.ask(OldestOfAll())
    except UnansweredError:
        oldest = None
    return orphan_steps(estate, own, state.keys, state.clock, oldest)


@operation()
def leave(site: Site) -> Generator[StringCommand]:
    """Close what was taken away, and remove what of it has nothing to deliver any more.

    + site: the host during this run
    """
    if not orphans(site):
        host.noop("nothing was taken away")
        return
    state = site.state()
    instances, keys = still_to_do(state.leaving), _keys(site)
    yield StringCommand("sh", "-s", _stdin=script(instances, keys, state.clock))
    site.forget()
