"""What a hand-made mail server's files on a host say."""

from __future__ import annotations

from collections.abc import Sequence

from postroad.host.question import Question
from postroad.mail.before.survey import PROBE, Survey, parse


class Surveyed(Question[Survey]):
    """`postroad.mail.before.survey.Survey` of the host."""

    about = "its mail server's files"

    def script(self) -> str:
        return PROBE

    def read(self, lines: Sequence[str]) -> Survey:
        return parse(lines)
