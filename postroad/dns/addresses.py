"""A and AAAA: where the hosts and the names they say in HELO are (RFC 1035 §3.4.1, RFC 3596)."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.dns.record import Record, RecordType
from postroad.settings.model import Address, Estate


def records(estate: Estate) -> Iterator[Record]:
    """A and AAAA of every host name and every HELO name."""
    for host in estate.hosts:
        for address in host.addresses:
            yield _record(estate, host.hostname, address, f"the host {host.name}")
        for way in host.ways_out:
            why = f"HELO name of {way.stream} mail from {host.name}; must lead back to its address"
            for address in way.addresses:
                yield _record(estate, way.helo, address, why)


def _record(estate: Estate, name: str, address: Address, why: str) -> Record:
    kind: RecordType = "A" if address.version == 4 else "AAAA"
    return Record(name, estate.record_ttl, kind, str(address), why)
