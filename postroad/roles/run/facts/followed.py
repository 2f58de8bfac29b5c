"""What becomes of a message that a host has just taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from postroad.host.asked import Asked
from postroad.host.programs import bundle
from postroad.host.question import Question, program
from postroad.watch.trace.story import TRACED, Lines

#: The longest that a host is asked to wait, in seconds.
LONGEST = 600


class Followed(Question[Mapping[str, Lines]]):
    """The log lines of ``queue_id`` in ``instance``; ``wait`` is the time for it, in seconds."""

    about = "what became of the message"

    def __init__(self, queue_id: str, instance: str, wait: float) -> None:
        self.queue_id = queue_id
        self._waiting = program(bundle("settled"), queue_id, instance, f"{wait:g}")
        self._logs = Asked(TRACED, queue_id, instance)
        # For the message, and for the logs.
        self.seconds = wait + TRACED.seconds

    def script(self) -> str:
        return f"{self._waiting} && {self._logs.script()}"

    def read(self, lines: Sequence[str]) -> Mapping[str, Lines]:
        return self._logs.read(lines)
