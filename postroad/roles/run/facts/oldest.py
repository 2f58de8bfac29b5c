"""Since when the oldest mail of a host's queues has been there.

A host of which one queue cannot be listed does not answer: it would count as an empty one.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence

from postroad.host.answers import AnswerError
from postroad.host.asked import Asked, Asking
from postroad.host.paths import config_folder
from postroad.host.question import Question
from postroad.settings.model import STREAM_NAMES
from postroad.watch.queues import WAITING


def _by_stream(lines: Sequence[str]) -> dict[str, float]:
    found = WAITING.read(lines)
    for stream, one in found.items():
        if one.why:
            raise AnswerError(f"{stream}: {one.why}")
    return {stream: one.oldest for stream, one in found.items() if one.oldest is not None}


#: Arrival of the oldest message, in seconds of the epoch, by the streams that are its arguments;
#: empty queues are left out.
OLDEST_QUEUED: Asking[dict[str, float]] = Asking(
    WAITING.module, WAITING.about, _by_stream, WAITING.seconds
)


class OldestOfAll(Question[float]):
    """Arrival of the oldest message, in seconds of the epoch; infinity where none waits.

    Of every stream that the host has an instance of, declared or not.
    """

    about = WAITING.about
    seconds = WAITING.seconds

    def script(self) -> str:
        there = [
            f'if [ -e {shlex.quote(config_folder(s))}/main.cf ]; then set -- "$@" {s}; fi'
            for s in STREAM_NAMES
        ]
        return "\n".join(["set --", *there, f'{Asked(WAITING).script()} "$@"'])

    def read(self, lines: Sequence[str]) -> float:
        return min(_by_stream(lines).values(), default=math.inf)
