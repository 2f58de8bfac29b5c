"""The edge that asks a host what its own resolver sees of the estate's records."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from postroad.paths import WORLD_SEES
from postroad.terminal import line


@dataclass(frozen=True, slots=True)
class Seen:
    """The verdict on one need: ok, wrong or unknown, with its reason in plain words."""

    verdict: str
    reason: str


class WorldSees(FactBase[list[Seen]]):
    """What the host's resolver sees of ``needs`` (JSON, see `postroad.dns.needs.needs_json`)."""

    def command(self, needs: str) -> StringCommand:
        missing = """echo '[{"verdict": "unknown", "reason": "nobody has looked yet"}]'"""
        return StringCommand(
            f"if [ -x {WORLD_SEES} ]; then printf %s",
            QuoteString(needs),
            f"| {WORLD_SEES}; else {missing}; fi",
        )

    def process(self, output: Iterable[str]) -> list[Seen]:
        text = "\n".join(output)
        try:
            return [Seen(line(v["verdict"]), line(v["reason"])) for v in json.loads(text)]
        except (ValueError, KeyError, TypeError) as error:
            raise FactProcessError(f"{WORLD_SEES} answered {text[:200]!r}: {error}") from error
