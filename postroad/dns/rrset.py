"""An RRset as a value: what a zone holds at one name of one type (RFC 2181 §5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import dns.name
import dns.rdata
import dns.rdataset
import dns.rdatatype
from dns.name import Name
from dns.rdata import Rdata
from dns.rdataclass import IN
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.TXT import TXT

from postroad.dns.record import Record

Key = tuple[Name, RdataType]
"""An absolute owner name and a type: what tells the RRsets of a zone apart."""


@dataclass(frozen=True, slots=True)
class RRset:
    """The records of one type at one name; ``ttl`` is in seconds."""

    name: Name
    type: RdataType
    ttl: int
    rdatas: tuple[Rdata, ...]

    @property
    def key(self) -> Key:
        return self.name, self.type


def rrsets(records: Iterable[Record]) -> tuple[RRset, ...]:
    """``records`` gathered into RRsets, in the order of their first records.

    Records of one RRset that differ in TTL get the lowest one (RFC 2181 §5.2). dns.exception
    errors where a record's data is not what its type wants: that is a fault of the derivation.
    """
    gathered: dict[Key, list[Record]] = {}
    for record in records:
        gathered.setdefault(key_of(record), []).append(record)
    return tuple(
        RRset(*key, min(r.ttl for r in of_key), tuple(_rdata(r) for r in of_key))
        for key, of_key in gathered.items()
    )


def key_of(record: Record) -> Key:
    """Where the record belongs."""
    return dns.name.from_text(record.owner), dns.rdatatype.from_text(record.type)


def answered(name: Name, rdataset: dns.rdataset.Rdataset) -> RRset:
    """The RRset that an answer holds; sorted, since servers rotate."""
    return RRset(name, rdataset.rdtype, rdataset.ttl, tuple(sorted(rdataset)))


def content(rdata: Rdata) -> object:
    """What two records that say the same have in common.

    How a TXT record's text is cut into strings says nothing: readers put them together (RFC 7208
    §3.3). Of other types, rdata compare in canonical form (RFC 4034 §6.2), whatever the case.
    """
    return b"".join(rdata.strings) if isinstance(rdata, TXT) else rdata


def _rdata(record: Record) -> Rdata:
    return dns.rdata.from_text(IN, record.type, record.data)
