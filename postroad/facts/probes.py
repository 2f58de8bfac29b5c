"""What a host's signers make of probe messages. Nothing is sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from postroad.audit import questions

Json = dict[str, Any]

SCRIPT = Path(questions.__file__).with_name("signing.py")


class Probed(FactBase[list[Json]]):
    """The answer of questions/signing.py to ``probes`` (see `postroad.audit.asking.probes`)."""

    def command(self, probes: Sequence[Json]) -> StringCommand:
        return StringCommand(
            "python3 -c",
            QuoteString(SCRIPT.read_text(encoding="utf-8")),
            QuoteString(json.dumps(list(probes))),
        )

    def process(self, output: Iterable[str]) -> list[Json]:
        text = "\n".join(output)
        try:
            found: list[Json] = json.loads(text)
        except ValueError:
            raise FactProcessError(
                f"the host does not say what its signers sign ({text[:200]!r}): a host that was"
                " never deployed lacks python3-dkim"
            ) from None
        return found
