"""Closing, draining and removing what the estate has taken away from a host."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api.command import StringCommand

from postroad.keys import orphaned_keys
from postroad.leaving import script, still_to_do
from postroad.operations.own import operation
from postroad.site import Site
from postroad.state import KeyState
from postroad.taken_away import Instance


def orphans(site: Site) -> tuple[Instance | KeyState, ...]:
    """What of the host the run has to close or to remove."""
    instances = still_to_do(site.state().leaving)
    return (*instances, *orphaned_keys(site.estate, site.host, site.state().keys))


@operation()
def leave(site: Site) -> Generator[StringCommand]:
    """Close what was taken away, and remove what of it has nothing to deliver any more.

    + site: the host during this run
    """
    if not orphans(site):
        host.noop("nothing was taken away")
        return
    keys = orphaned_keys(site.estate, site.host, site.state().keys)
    yield StringCommand("sh", "-s", _stdin=script(still_to_do(site.state().leaving), keys))
    site.forget()
