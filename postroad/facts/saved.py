"""The archive of what stands on a host alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from postroad.backup import on_host
from postroad.backup.archive import QUESTION, Answer, decoded
from postroad.question import Question, program

SCRIPT = Path(on_host.__file__)


class Saved(Question[Answer]):
    """A tar archive of `postroad.backup.places.PLACES`, secret; see `postroad.backup.on_host`."""

    about = "what is to be kept of it"
    # Mailboxes may be large, and the way narrow.
    seconds = 1800

    def script(self) -> str:
        return program(SCRIPT.read_text(encoding="utf-8"), QUESTION)

    def read(self, lines: Sequence[str]) -> Answer:
        return decoded(lines)
