"""What a host's logs have about one message or address."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from postroad.trace import on_host

SCRIPT = Path(on_host.__file__)


class Traced(FactBase[dict[str, Any]]):
    """The log lines about ``what`` in each of ``instances``; see `postroad.trace.on_host`."""

    def command(self, what: str, instances: Sequence[str]) -> StringCommand:
        script = QuoteString(SCRIPT.read_text(encoding="utf-8"))
        return StringCommand("python3 -c", script, QuoteString(what), *instances)

    def process(self, output: Iterable[str]) -> dict[str, Any]:
        text = "\n".join(output)
        try:
            found: dict[str, Any] = json.loads(text)
        except ValueError:
            raise FactProcessError(f"the logs cannot be read: {text[:200]!r}") from None
        return found
