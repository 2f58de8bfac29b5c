"""Can the host reach port 25 elsewhere? Many hosters block it until they are asked."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from postroad.host.question import Question


@dataclass(frozen=True)
class Port25Open(Question[bool]):
    """True when a TCP connection from the host to port 25 of ``server`` opens within 5 seconds."""

    server: str

    about = "whether it reaches port 25 elsewhere"

    def script(self) -> str:
        # bash, because /dev/tcp is the one client that a bare host has.
        dial = "timeout 5 bash -c '</dev/tcp/'$1'/25' 2>/dev/null && echo open || echo shut"
        return shlex.join(["sh", "-c", dial, "sh", self.server])

    def read(self, lines: Sequence[str]) -> bool:
        return "open" in lines
