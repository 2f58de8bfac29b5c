"""The edge that asks what of ours is on a host that leaves."""

from __future__ import annotations

from collections.abc import Sequence

from postroad.host.question import Question
from postroad.mail.leaving import host as taken_back


class Ours(Question[taken_back.Ours]):
    """`postroad.mail.leaving.host.Ours` of the host."""

    about = "what of ours is on it"

    def script(self) -> str:
        return taken_back.probe()

    def read(self, lines: Sequence[str]) -> taken_back.Ours:
        return taken_back.parse(lines)
