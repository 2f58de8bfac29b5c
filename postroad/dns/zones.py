"""Which record belongs into which zone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from postroad.dns.record import Record


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
    everything, names = tuple(records), tuple(dict.fromkeys(zones))
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
