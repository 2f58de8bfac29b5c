"""The records as a master file, for machines."""

from __future__ import annotations

from collections.abc import Iterable

from postroad.dns.record import Record


def zone_line(record: Record) -> str:
    """``record`` as one line of a master file, its owner absolute (RFC 1035 §5.1)."""
    return f"{record.owner}. {record.ttl} IN {record.type} {record.data}"


def zone_text(records: Iterable[Record]) -> str:
    """One master file of all ``records``, each below a comment that says why it is there.

    Owners are absolute, so lines of several zones may stand in one file, and any part of it may be
    pasted into the zone it belongs to.
    """
    return "".join(f"; {record.why}\n{zone_line(record)}\n" for record in records)
