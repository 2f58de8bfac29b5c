"""What a host's logs have about one message, address or login."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from postroad.host.answers import from_json
from postroad.host.question import Question, program
from postroad.onhost.asked import trace as on_host
from postroad.watch.trace.story import Lines

SCRIPT = Path(on_host.__file__)


@dataclass(frozen=True)
class Traced(Question[Mapping[str, Lines]]):
    """The log lines about ``what`` in each of ``instances``; see `postroad.onhost.asked.trace`."""

    what: str
    instances: Sequence[str]

    about = "its logs"
    # Ninety days of logs, packed, of a busy shop.
    seconds = 180

    def script(self) -> str:
        return program(SCRIPT.read_text(encoding="utf-8"), self.what, *self.instances)

    def read(self, lines: Sequence[str]) -> Mapping[str, Lines]:
        found: Mapping[str, Lines] = from_json(Mapping[str, Lines], lines)
        return found
