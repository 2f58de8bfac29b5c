"""A host's state: one question, one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postroad.host.found import HostState, Questions, parse, probe
from postroad.host.question import Question


@dataclass(frozen=True)
class State(Question[HostState]):
    """`postroad.host.found.HostState` of the host."""

    ask: Questions

    about = "its state"

    def script(self) -> str:
        return probe(self.ask)

    def read(self, lines: Sequence[str]) -> HostState:
        return parse(lines, self.ask.readings)
