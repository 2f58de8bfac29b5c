"""What a host's signers make of probe messages. Nothing is sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from postroad.audit.evidence import Signed
from postroad.host.answers import from_json
from postroad.host.question import Question, program
from postroad.onhost import asked as programs

Json = dict[str, Any]

SCRIPT = Path(programs.__file__).with_name("signing.py")


@dataclass(frozen=True)
class Probed(Question[tuple[Signed, ...]]):
    """What `postroad.onhost.asked.signing` answers to `postroad.audit.asking.probes`."""

    probes: Sequence[Json]

    about = "what its signers sign"

    def script(self) -> str:
        return program(SCRIPT.read_text(encoding="utf-8"), json.dumps(list(self.probes)))

    def read(self, lines: Sequence[str]) -> tuple[Signed, ...]:
        found: tuple[Signed, ...] = from_json(tuple[Signed, ...], lines)
        return found
