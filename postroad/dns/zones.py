"""Which record belongs into which zone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from postroad.dns.record import Record

# RFC 2317 §4: first address and length of prefix, or as many write it, first and last address.
_CLASSLESS = re.compile(r"(\d{1,3})([/-])(\d{1,3})\.(\d{1,3}(\.\d{1,3}){2}\.in-addr\.arpa)")


@dataclass(frozen=True, slots=True)
class Division:
    """Records by zone, and those that no zone takes.

    ``pointers`` are PTR records outside the zones: the hoster of the address sets them. ``outside``
    are the others.
    """

    inside: tuple[tuple[str, tuple[Record, ...]], ...]
    pointers: tuple[Record, ...]
    outside: tuple[Record, ...]


def divide(records: Iterable[Record], zones: Iterable[str]) -> Division:
    """``records`` by the ``zones`` they are in; a zone that has none of them has its empty place.

    Zone names are absolute, without the trailing dot, like owners.
    """
    names = tuple(dict.fromkeys(zones))
    everything = tuple(placed(record, names) for record in records)
    place = {record.owner: zone_of(record.owner, names) for record in everything}
    homeless = [record for record in everything if place[record.owner] is None]
    return Division(
        tuple((zone, tuple(r for r in everything if place[r.owner] == zone)) for zone in names),
        tuple(record for record in homeless if record.type == "PTR"),
        tuple(record for record in homeless if record.type != "PTR"),
    )


def zone_of(owner: str, zones: Iterable[str]) -> str | None:
    """The closest of ``zones`` that ``owner`` is in or at (RFC 1034 §4.3.2); None where none is."""
    around = [zone for zone in zones if f".{owner}".lower().endswith(f".{zone}".lower())]
    return max(around, key=len, default=None)


def placed(record: Record, zones: Collection[str]) -> Record:
    """``record`` where it belongs: a PTR in the part of a reverse zone that is the operator's.

    The name of the address is an alias to there, which the hoster has set (RFC 2317 §4).
    """
    if record.type != "PTR" or zone_of(record.owner, zones) is not None:
        return record
    last, _, around = record.owner.partition(".")
    for zone in zones:
        found = _CLASSLESS.fullmatch(zone)
        if found and found[4] == around and int(last) in _part(found):
            return replace(record, owner=f"{last}.{zone}")
    return record


def _part(zone: re.Match[str]) -> range:
    first, second = int(zone[1]), int(zone[3])
    if zone[2] == "-" and second > first:
        return range(first, second + 1)
    return range(first, first + 2 ** max(0, 32 - second))
