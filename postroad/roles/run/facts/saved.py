"""The archive of what stands on a host alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from postroad.host.question import Question, program
from postroad.mail.backup.archive import QUESTION, Answer, decoded
from postroad.onhost.asked import backup as on_host

SCRIPT = Path(on_host.__file__)


class Saved(Question[Answer]):
    """A tar archive of `postroad.mail.backup.places.PLACES`, secret."""

    about = "what is to be kept of it"
    # Mailboxes may be large, and the way narrow.
    seconds = 1800

    def script(self) -> str:
        return program(SCRIPT.read_text(encoding="utf-8"), QUESTION)

    def read(self, lines: Sequence[str]) -> Answer:
        return decoded(lines)
