"""The records as text: a master file for machines, a work order for people."""

from __future__ import annotations

from collections.abc import Iterable

import dns.name
import dns.reversename

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


def work_order(records: Iterable[Record], by_others: Iterable[Record] = ()) -> str:
    """What a person has to set, and where; ``by_others`` is what strangers' zones must hold."""
    everything = tuple(records)
    parts = (
        _section(_AT_THE_HOSTER, (_pointer(r) for r in everything if r.type == "PTR")),
        _section(_IN_YOUR_ZONES, (_entry(r) for r in everything if r.type != "PTR")),
        _section(_ASK_OTHERS, (_entry(r) for r in by_others)),
    )
    return "\n".join(part for part in parts if part)


_AT_THE_HOSTER = """\
At the hoster of each address (reverse DNS is set there, not in your own zones):
"""

_IN_YOUR_ZONES = """\
In your own zones. A name has one TXT record that begins with v=spf1, and one that begins with
v=DMARC1: replace an older one.
Where a value is several quoted strings and the form has one field, put the strings together
without the quotes and without a space between them.
"""

_ASK_OTHERS = """\
In zones of others. Ask their owner; until then receivers send no DMARC reports:
"""


def _section(heading: str, entries: Iterable[str]) -> str:
    body = "".join(entries)
    return f"{heading}\n{body}" if body else ""


def _pointer(record: Record) -> str:
    address = dns.reversename.to_address(dns.name.from_text(record.owner))
    return f"  set PTR of {address} to {record.data.rstrip('.')}\n      {record.why}\n"


def _entry(record: Record) -> str:
    return (
        f"  {record.owner}  {record.type}  TTL {record.ttl}\n"
        f"      {record.data}\n"
        f"      {record.why}\n"
    )
