"""What a host's own resolver answers: DNS lists refuse the resolvers that everybody uses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from postroad.dns.check import on_host

SCRIPT = Path(on_host.__file__)


class Resolved(FactBase[dict[str, list[str] | None]]):
    """The A records of each of ``names``; None where nobody answered."""

    def command(self, names: Sequence[str]) -> StringCommand:
        return StringCommand(
            "python3 -c",
            QuoteString(SCRIPT.read_text(encoding="utf-8")),
            QuoteString(json.dumps(list(names))),
        )

    def process(self, output: Iterable[str]) -> dict[str, list[str] | None]:
        text = "\n".join(output)
        try:
            found: dict[str, list[str] | None] = json.loads(text)
        except ValueError:
            raise FactProcessError(
                f"the host does not say what its resolver answers ({text[:200]!r}): a host that was"
                " never deployed lacks python3-dnspython"
            ) from None
        return found
