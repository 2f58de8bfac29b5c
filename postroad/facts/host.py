"""A host's state: one question, one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postroad.question import Question
from postroad.state import HostState, Questions, parse, probe


@dataclass(frozen=True)
class State(Question[HostState]):
    """`postroad.state.HostState` of the host."""

    ask: Questions

    about = "its state"

    def script(self) -> str:
        return probe(self.ask)

    def read(self, lines: Sequence[str]) -> HostState:
        return parse(lines)
