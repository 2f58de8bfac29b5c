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


def gone(site: Site) -> tuple[Instance, ...]:
    """The instances that the run has to close or to remove."""
    return still_to_do(site.state().leaving)


def gone_keys(site: Site) -> tuple[KeyState, ...]:
    """The keys of domains that were taken away, and those that sign no more since others do."""
    signing = {
        (stream, key.domain, key.selector)
        for stream in site.host.streams
        for key in site.standing(stream).keys.values()
    }
    found = orphaned_keys(site.estate, site.host, site.state().keys)
    return tuple(key for key in found if (key.stream, key.domain, key.selector) not in signing)


@operation()
def leave(site: Site) -> Generator[StringCommand]:
    """Close what was taken away, and remove what of it has nothing to deliver any more.

    + site: the host during this run
    """
    if not gone(site):
        host.noop("nothing was taken away")
        return
    yield StringCommand("sh", "-s", _stdin=script(gone(site), ()))
    site.forget()


@operation()
def forget_keys(site: Site) -> Generator[StringCommand]:
    """Remove the keys that nothing signs with any more, when no signer reads them.

    + site: the host during this run
    """
    if not gone_keys(site):
        host.noop("every key is wanted")
        return
    yield StringCommand("sh", "-s", _stdin=script((), gone_keys(site)))
    site.forget()
