"""What a host's instances have queued, in sums."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from postroad.queues import on_host

SCRIPT = Path(on_host.__file__)


class Waiting(FactBase[dict[str, Any]]):
    """The sums of each of ``instances``; see `postroad.queues.on_host`."""

    def command(self, instances: Sequence[str]) -> StringCommand:
        script = QuoteString(SCRIPT.read_text(encoding="utf-8"))
        return StringCommand("python3 -c", script, *instances)

    def process(self, output: Iterable[str]) -> dict[str, Any]:
        text = "\n".join(output)
        try:
            found: dict[str, Any] = json.loads(text)
        except ValueError:
            raise FactProcessError(f"the queues cannot be listed: {text[:200]!r}") from None
        return found
