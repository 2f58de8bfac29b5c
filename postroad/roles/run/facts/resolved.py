"""What a host's own resolver answers: DNS lists refuse the resolvers that everybody uses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from postroad.host.answers import from_json
from postroad.host.question import Question, program
from postroad.onhost.asked import resolved as on_host

SCRIPT = Path(on_host.__file__)

Addresses = tuple[str, ...] | None


@dataclass(frozen=True)
class Resolved(Question[Mapping[str, Addresses]]):
    """The A records of each of ``names``; None where nobody answered."""

    names: Sequence[str]

    about = "what its resolver answers"

    def script(self) -> str:
        return program(SCRIPT.read_text(encoding="utf-8"), json.dumps(list(self.names)))

    def read(self, lines: Sequence[str]) -> Mapping[str, Addresses]:
        found: Mapping[str, Addresses] = from_json(Mapping[str, Addresses], lines)
        return found
