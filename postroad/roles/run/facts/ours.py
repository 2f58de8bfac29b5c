"""The edge that asks what of ours is on a host that leaves."""

from __future__ import annotations

from collections.abc import Sequence

from postroad.host.question import Question
from postroad.mail.leaving import host as leaving_host


class Ours(Question[leaving_host.Ours]):
    """`postroad.mail.leaving.host.Ours` of the host."""

    about = "what of ours is on it"

    def script(self) -> str:
        return leaving_host.probe()

    def read(self, lines: Sequence[str]) -> leaving_host.Ours:
        return leaving_host.parse(lines)
