"""What a hand-made mail server's files on a host say."""

from __future__ import annotations

from collections.abc import Sequence

from postroad.foreign.survey import PROBE, Survey, parse
from postroad.question import Question


class Surveyed(Question[Survey]):
    """`postroad.foreign.survey.Survey` of the host."""

    about = "its mail server's files"

    def script(self) -> str:
        return PROBE

    def read(self, lines: Sequence[str]) -> Survey:
        return parse(lines)
