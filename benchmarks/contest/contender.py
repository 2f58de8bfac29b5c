"""One of those who take turns: where its mail is handed in, and what its output must look like."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from benchmarks.contest.door import Door
from lab.hosts.guest import Guest

Judge = Callable[[bytes], str]


@dataclass(frozen=True)
class Contender:
    """Software on a host, ready to send.

    ``delivered`` is shell that counts the messages that its log says were sent. ``judge`` says what
    is wrong with a message that it sent, or nothing. ``syncs`` is whether it has a message on disk
    before it accepts it. ``during`` surrounds each of its turns.
    """

    name: str
    guest: Guest
    door: Door
    delivered: str
    judge: Judge
    syncs: bool = True
    during: Callable[[], AbstractContextManager[None]] = field(default=nullcontext)

    def logged(self) -> int:
        """How many messages its log says were sent, since it was set up."""
        return int(self.guest.run(self.delivered, timeout=120).stdout or 0)
