"""PTR: the name of every address (RFC 1035 §3.5, RFC 3596 §2.5).

The hoster sets these, not the operator's own zone; receivers refuse an address whose name does not
lead back to it (Gmail 550 5.7.25).
"""

from __future__ import annotations

from collections.abc import Iterator

from postroad.dns.record import Record
from postroad.settings.model import Address, Estate, Host


def records(estate: Estate) -> Iterator[Record]:
    """PTR of every address of every host: its HELO name, or the host's own where no mail leaves."""
    for host in estate.hosts:
        for address, name in _names(host):
            yield Record(
                address.reverse_pointer,
                estate.record_ttl,
                "PTR",
                f"{name}.",
                f"name of {address} on {host.name}; receivers refuse an address without one",
            )


def _names(host: Host) -> Iterator[tuple[Address, str]]:
    sending = {address for way in host.ways_out for address in way.addresses}
    for address in host.addresses:
        if address not in sending:
            yield address, host.hostname
    for way in host.ways_out:
        for address in way.addresses:
            yield address, way.helo
