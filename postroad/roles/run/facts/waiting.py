"""What a host's instances have queued, in sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from postroad.host.answers import from_json
from postroad.host.question import Question, program
from postroad.onhost.asked import queues as on_host
from postroad.watch.queues import Sums

SCRIPT = Path(on_host.__file__)


@dataclass(frozen=True)
class Waiting(Question[Mapping[str, Sums]]):
    """The sums of each of ``instances``; see `postroad.onhost.asked.queues`."""

    instances: Sequence[str]

    about = "its queues"
    # postqueue(1) lists some thousand messages a second.
    seconds = 180

    def script(self) -> str:
        return program(SCRIPT.read_text(encoding="utf-8"), *self.instances)

    def read(self, lines: Sequence[str]) -> Mapping[str, Sums]:
        found: Mapping[str, Sums] = from_json(Mapping[str, Sums], lines)
        return found
