"""What to do about a fault, in plain words that name the record."""

from __future__ import annotations

from collections.abc import Iterable

from postroad.dns.record import Record
from postroad.dns.zone import zone_line


def publish(records: Iterable[Record], owner: str, kind: str, beginning: str = "") -> str:
    """The lines to publish at a name; ``beginning`` tells apart several kinds of TXT there."""
    lines = [
        zone_line(record)
        for record in records
        if (record.owner, record.type) == (owner, kind) and record.data.startswith(beginning)
    ]
    return f"publish {' and '.join(lines)}" if lines else f"publish {kind} at {owner}"
