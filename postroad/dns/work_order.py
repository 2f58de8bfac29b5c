"""The records as people set them: which, where and why."""

from __future__ import annotations

from collections.abc import Iterable

import dns.name
import dns.reversename

from postroad.dns.dmarc import authorisations_by_others
from postroad.dns.names import between, declared_zone, organisation
from postroad.dns.record import Record
from postroad.dns.zones import placed
from postroad.settings.model import Estate


def work_order(estate: Estate, records: Iterable[Record], gone: Iterable[Record]) -> str:
    """Everything that somebody has to publish, by the zone it belongs to; what is ``gone`` last.

    Addresses get their names at the hoster, unless the estate declares the reverse zone; and
    what strangers' zones must hold comes last.
    """
    zones: dict[str, list[Record]] = {}
    pointers = []
    declared = [zone.name for zone in estate.dns.zones]
    for record in (placed(each, declared) for each in records):
        zone = declared_zone(estate, record.owner)
        if record.type == "PTR" and zone is None:
            pointers.append(record)
        else:
            zones.setdefault(zone or organisation(record.owner), []).append(record)
    alone = [
        name
        for zone, held in zones.items()
        for name in between((r.owner for r in held if r.type != "PTR"), zone)
    ]
    parts = (
        _WILDCARD.format(names=", ".join(alone)) if alone else "",
        *(_section(_zone_heading(zone), map(_entry, zones[zone])) for zone in zones),
        _section(_AT_THE_HOSTER, map(_pointer, pointers)),
        _section(_ASK_OTHERS, map(_entry, authorisations_by_others(estate))),
        _section(_REMOVE, (f"  {record.owner}  {record.type}\n" for record in gone)),
    )
    return "\n".join([_READ_THIS, *filter(None, parts)])


_READ_THIS = """\
A name has one TXT record that begins with v=spf1, and one that begins with v=DMARC1. Replace one
that you have set for this estate before. Where another one stands, or an MX, others live by it:
leave it, and name another domain in the estate. Where a value is several quoted strings and the
form has one field, put the strings together without the quotes and without a space between them.
"""

_WILDCARD = """\
By what is beneath them, these names come to exist: {names}.
Where a wildcard (*) of the zone serves one of them, it will not any more (RFC 4592): write what the
wildcard holds at that name first, and at *. that name where names beneath it are used.
"""

_AT_THE_HOSTER = """\
At the hoster of each address (reverse DNS is set there, not in your own zones):
"""

_ASK_OTHERS = """\
In zones of others. Ask their owner; until then receivers send no DMARC reports:
"""

_REMOVE = """\
To be removed: the records of keys that are gone, and whose mail nobody reads for the first time:
"""


def _zone_heading(zone: str) -> str:
    return f"In the zone {zone}, or the one below it that is yours:\n"


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
