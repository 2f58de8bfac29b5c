"""Inside: the whole life of a canary, in its transient unit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from postroad.onhost.canary.checkers import check_tables
from postroad.onhost.canary.commands import run
from postroad.onhost.canary.daemons import write_drop_ins
from postroad.onhost.canary.inbound import check_inbound
from postroad.onhost.canary.journal import QUOTED_LINES, Journal, complaints
from postroad.onhost.canary.null_client import check_default
from postroad.onhost.canary.overlay import overlay
from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.refusal import RefusedError
from postroad.onhost.canary.stage import age, copy_stage
from postroad.onhost.canary.stream import check_stream


def sing(canary: Canary, addresses: Sequence[str]) -> None:
    """Everything from the copy to the last probe; RefusedError where something is not good."""
    enter_network(addresses)
    copy_stage(canary)
    age(canary)
    check_tables(canary)
    overlay(canary)
    write_drop_ins(canary)
    checks = {"inbound": check_inbound, "default": check_default}
    journal = Journal.from_now()
    with witnessed(canary, journal):
        checks.get(canary.name, check_stream)(canary, journal)


def enter_network(addresses: Sequence[str]) -> None:
    """Give loopback the host's addresses; refuse where the network is not the canary's own."""
    if os.stat("/proc/self/ns/net").st_ino == os.stat("/proc/1/ns/net").st_ino:
        raise RefusedError("this host gives a unit no network of its own (PrivateNetwork=)")
    for address in addresses:
        flags = ("nodad",) if ":" in address else ()
        run("ip", "address", "add", address, "dev", "lo", *flags)


@contextmanager
def witnessed(canary: Canary, journal: Journal) -> Iterator[None]:
    """Add the daemons' own words to a refusal; refuse when nothing failed and they complained."""
    try:
        yield
    except RefusedError as fault:
        words = complaints(canary, journal)[:QUOTED_LINES]
        raise RefusedError("\n".join([str(fault), *words])) from None
    if words := complaints(canary, journal)[:QUOTED_LINES]:
        raise RefusedError("\n".join(["the daemons complain:", *words]))
