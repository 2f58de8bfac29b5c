"""Zones of the lab as text, with apex, delegations and glue. Pure."""

import ipaddress
from collections.abc import Mapping

import dns.exception
import dns.name
import dns.rdata

from lab.hosts.errors import LabError
from lab.hosts.network import NAMESERVER, Network
from lab.world.nameserver import SERVER_NAME, SigningKey

Record = tuple[str, int, str, str]
"""Owner (absolute), TTL in seconds, type, rdata in presentation form (RFC 1035 §5)."""

TOP_LEVEL = "example."

_TTL = 60
# Refresh, retry, expire, and the TTL of negative answers (RFC 2308 §5): a name that a test is
# about to publish may have been asked for a moment ago.
_SOA_TIMES = "3600 600 86400 1"


def zone_text(
    zone: str, zones: Mapping[str, list[Record]], key: SigningKey, network: Network
) -> str:
    """The zone file: the given records, apex, and delegations with DS for its children."""
    records = list(zones[zone])
    apex = {kind for owner, _, kind, _ in records if absolute(owner) == zone}
    if "SOA" not in apex:
        contact = f"{SERVER_NAME} hostmaster.lab.example. 1 {_SOA_TIMES}"
        records.append((zone, 1, "SOA", contact))
    if "NS" not in apex:
        records.append((zone, _TTL, "NS", SERVER_NAME))
    for child in _children(zone, zones):
        records.append((child, _TTL, "NS", SERVER_NAME))
        records.append((child, _TTL, "DS", key.ds(child)))
    server = dns.name.from_text(SERVER_NAME)
    if zone in (".", TOP_LEVEL):
        # Glue (RFC 9471): the server's own name is below both.
        records.append((server.to_text(), _TTL, "A", network.ipv4(NAMESERVER)))
        records.append((server.to_text(), _TTL, "AAAA", network.ipv6(NAMESERVER)))
    return "".join(f"{_line(record)}\n" for record in records)


def _children(zone: str, zones: Mapping[str, list[Record]]) -> list[str]:
    """The zones whose closest enclosing zone is *zone*."""
    names = {other: dns.name.from_text(other) for other in zones}

    def parent(child: str) -> str:
        above = [
            other
            for other, name in names.items()
            if other != child and names[child].is_subdomain(name)
        ]
        return max(above, key=lambda other: len(names[other]))

    return [other for other in zones if other != "." and parent(other) == zone]


def _line(record: Record) -> str:
    owner, ttl, kind, rdata = record
    try:
        dns.rdata.from_text("IN", kind, rdata)
    except (dns.exception.DNSException, ValueError) as error:
        raise LabError(f"{owner} {kind} {rdata}: not a valid record: {error}") from error
    return f"{absolute(owner)} {ttl} IN {kind} {rdata}"


def plain(record: Record) -> tuple[str, int, str, dns.rdata.Rdata]:
    """The record in a form that is the same however it was written."""
    owner, ttl, kind, rdata = record
    return absolute(owner), ttl, kind, dns.rdata.from_text("IN", kind, rdata)


def absolute(name: str) -> str:
    """The name in small letters; raises LabError where it has no dot at its end."""
    if not name.endswith("."):
        raise LabError(f"{name}: not an absolute name: write {name}.")
    return name.lower()


def pointer(address: str) -> str:
    """The name of the address's PTR record (RFC 1035 §3.5, RFC 3596 §2.5)."""
    return ipaddress.ip_address(address).reverse_pointer + "."
