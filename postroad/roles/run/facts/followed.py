"""What becomes of a message that a host has just taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from postroad.host.question import Question, program
from postroad.roles.run.facts.traced import Traced
from postroad.watch.trace import until_settled
from postroad.watch.trace.story import Lines

SCRIPT = Path(until_settled.__file__)
#: The longest that a host is asked to wait, in seconds.
LONGEST = 600


@dataclass(frozen=True)
class Followed(Question[Mapping[str, Lines]]):
    """The log lines of ``queue_id`` in ``instance``; ``wait`` is the time for it, in seconds."""

    queue_id: str
    instance: str
    wait: float

    about = "what became of the message"

    @property
    def seconds(self) -> float:  # type: ignore[override]
        """For the message, and for the logs."""
        return self.wait + Traced.seconds

    def script(self) -> str:
        text = SCRIPT.read_text(encoding="utf-8")
        waiting = program(text, self.queue_id, self.instance, f"{self.wait:g}")
        return f"{waiting} && {self._logs().script()}"

    def read(self, lines: Sequence[str]) -> Mapping[str, Lines]:
        return self._logs().read(lines)

    def _logs(self) -> Traced:
        return Traced(self.queue_id, [self.instance])
