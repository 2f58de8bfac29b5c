"""The edge that asks a host what its own resolver sees of the estate's records."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from postroad.host.answers import from_json
from postroad.host.paths import WORLD_SEES
from postroad.host.programs import place
from postroad.host.question import Question
from postroad.mail.parts.earlier import WORLD_SEES as EARLIER
from postroad.settings.terminal import line

WHERE = place("postroad.onhost.world_sees.main")


@dataclass(frozen=True, slots=True)
class Seen:
    """The verdict on one need: ok, wrong or unknown, with its reason in plain words."""

    verdict: str
    reason: str


@dataclass(frozen=True)
class WorldSees(Question[list[Seen]]):
    """What the host's resolver sees of ``needs`` (JSON, see `postroad.dns.needs.needs_json`)."""

    needs: str

    about = "what its resolver sees of the records"
    # Names whose servers are silent take their time, one after the other.
    seconds = 120

    def script(self) -> str:
        missing = """echo '[{"verdict": "unknown", "reason": "nobody has looked yet"}]'"""
        return (
            f"if [ -e {WHERE} ]; then sees='{WORLD_SEES}'; "
            # A host that was converged by an earlier version, and not yet by this one.
            f"elif [ -e {EARLIER} ]; then sees={EARLIER}; else sees=; fi; "
            f'if [ "$sees" ]; then printf %s {shlex.quote(self.needs)} | $sees; '
            f"else {missing}; fi"
        )

    def read(self, lines: Sequence[str]) -> list[Seen]:
        found: tuple[Seen, ...] = from_json(tuple[Seen, ...], lines)
        return [Seen(line(one.verdict), line(one.reason)) for one in found]
