"""Closing, draining and removing what the estate has taken away from a host."""

from __future__ import annotations

import math
from collections.abc import Generator

from pyinfra import host
from pyinfra.api.command import StringCommand

from postroad.mail.leaving.instances import LEAVING, Instance
from postroad.mail.leaving.streams import script, still_to_do
from postroad.mail.signing.found import KEYS
from postroad.mail.signing.keys import OrphanStep, orphan_steps
from postroad.roles.own import operation
from postroad.roles.run import streams
from postroad.roles.run.ask import UnansweredError
from postroad.roles.run.facts.oldest import OldestOfAll
from postroad.roles.run.site import Site


def gone(site: Site) -> tuple[Instance, ...]:
    """The instances that the run has to close or to remove."""
    return still_to_do(site.state()[LEAVING])


def gone_keys(site: Site) -> tuple[OrphanStep, ...]:
    """What is to be done to keys of domains that were taken away, and to those that sign no more
    since others do. One that signs until another can be verified is let be."""
    signing = {
        (stream, key.domain, key.selector)
        for stream in site.host.streams
        for key in streams.standing(site, stream).keys.values()
    }
    return tuple(
        step
        for step in _steps(site)
        if (step.key.stream, step.key.domain, step.key.selector) not in signing
    )


def _steps(site: Site) -> tuple[OrphanStep, ...]:
    state, estate, own = site.state(), site.estate, site.host
    # Whether one is to be removed hangs on what waits: it is asked where one could be.
    if not orphan_steps(estate, own, state[KEYS], state.clock, math.inf):
        return ()
    try:
        oldest = site.ask(OldestOfAll())
    except UnansweredError:
        oldest = None
    return orphan_steps(estate, own, state[KEYS], state.clock, oldest)


@operation()
def leave(site: Site) -> Generator[StringCommand]:
    """Close what was taken away, and remove what of it has nothing to deliver any more.

    + site: the host during this run
    """
    if not gone(site):
        host.noop("nothing was taken away")
        return
    yield StringCommand("sh", "-s", _stdin=script(gone(site), (), site.state().clock))
    site.forget()


@operation()
def forget_keys(site: Site) -> Generator[StringCommand]:
    """Mark the keys that nothing signs with any more, and remove them when their mail was read.

    + site: the host during this run
    """
    # Asked once: it may take a look at all queues of the host.
    steps = gone_keys(site)
    if not steps:
        host.noop("every key is wanted")
        return
    yield StringCommand("sh", "-s", _stdin=script((), steps, site.state().clock))
    site.forget()
