"""The edge that asks since when the oldest mail of all streams' queues has been there."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from postroad.host.answers import AnswerError
from postroad.host.paths import config_folder
from postroad.host.question import Question, program
from postroad.roles.run.facts.waiting import SCRIPT, Waiting
from postroad.settings.model import STREAM_NAMES


@dataclass(frozen=True)
class OldestOfAll(Question[float]):
    """Arrival of the oldest message, in seconds of the epoch; infinity where none waits.

    Of every stream that the host has an instance of, declared or not. A host of which one queue
    cannot be listed does not answer: it would count as an empty one.
    """

    about = "its queues"
    seconds = Waiting.seconds

    def script(self) -> str:
        listing = program(SCRIPT.read_text(encoding="utf-8"))
        there = [
            f'if [ -e {shlex.quote(config_folder(s))}/main.cf ]; then set -- "$@" {s}; fi'
            for s in STREAM_NAMES
        ]
        return "\n".join(["set --", *there, f'{listing} "$@"'])

    def read(self, lines: Sequence[str]) -> float:
        found = Waiting(()).read(lines)
        for stream, one in found.items():
            if one.why:
                raise AnswerError(f"{stream}: {one.why}")
        return min(
            (one.oldest for one in found.values() if one.oldest is not None), default=math.inf
        )
