"""Can the host reach port 25 elsewhere? Many hosters block it until they are asked."""

from __future__ import annotations

from collections.abc import Iterable

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.facts import FactBase


class Port25Open(FactBase[bool]):
    """True when a TCP connection from the host to port 25 of ``server`` opens within 5 seconds."""

    def command(self, server: str) -> StringCommand:
        # bash, because /dev/tcp is the one client that a bare host has.
        dial = "timeout 5 bash -c '</dev/tcp/'$1'/25' 2>/dev/null && echo open || echo shut"
        return StringCommand("sh -c", QuoteString(dial), "sh", QuoteString(server))

    def process(self, output: Iterable[str]) -> bool:
        return "open" in {line.strip() for line in output}
