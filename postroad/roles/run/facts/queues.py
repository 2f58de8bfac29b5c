"""The edge that asks since when the oldest message of each queue has been there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postroad.host.answers import AnswerError
from postroad.host.question import Question
from postroad.roles.run.facts.waiting import Waiting


@dataclass(frozen=True)
class OldestQueued(Question[dict[str, float]]):
    """Arrival of the oldest message, in seconds of the epoch, by stream; empty queues are left out.

    A host of which one queue cannot be listed does not answer: it would count as an empty one.
    """

    streams: Sequence[str]

    about = "its queues"

    def script(self) -> str:
        return Waiting(self.streams).script()

    def read(self, lines: Sequence[str]) -> dict[str, float]:
        found = Waiting(self.streams).read(lines)
        for stream, one in found.items():
            if one.why:
                raise AnswerError(f"{stream}: {one.why}")
        return {stream: one.oldest for stream, one in found.items() if one.oldest is not None}
