"""SPF: which addresses may use a name in MAIL FROM or HELO (RFC 7208).

Only names that postroad owns get a record: envelope domains, HELO names and host names. A sending
domain that is not also one of these keeps whatever SPF record its owner has there, because SPF
never looks at From: (RFC 7208 §2.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from postroad.dns.record import Record
from postroad.dns.text import txt
from postroad.settings.model import Address, Estate


@dataclass(frozen=True, slots=True)
class _Use:
    """One use of a name as a sender: from which addresses, and in which words."""

    name: str
    addresses: tuple[Address, ...]
    why: str


def records(estate: Estate) -> Iterator[Record]:
    """One SPF record for each name that sends; a second one would be a permerror (RFC 7208 §4.5).

    A name whose mail people forward ends in ``~all``: receivers may refuse on ``-all`` before they
    look at DKIM and DMARC (RFC 9989 §7.1). HELO and host names are never forwarded: ``-all``.
    """
    people_use = {*(stream.envelope_domain for stream in estate.streams), *estate.from_domains}
    uses = [use for use in _uses(estate) if use.addresses]
    for name in dict.fromkeys(use.name for use in uses):
        of_name = [use for use in uses if use.name == name]
        addresses = [address for use in of_name for address in use.addresses]
        rest = "~all" if name in people_use else "-all"
        yield Record(name, estate.record_ttl, "TXT", txt(_policy(addresses, rest)), of_name[0].why)


def _uses(estate: Estate) -> Iterator[_Use]:
    for stream in estate.streams:
        ways = [way for host in estate.hosts for way in host.ways_out if way.stream == stream.name]
        addresses = tuple(address for way in ways for address in way.addresses)
        why = f"the addresses that {stream.name} mail leaves from; receivers check MAIL FROM"
        yield _Use(stream.envelope_domain, addresses, why)
    for host in estate.hosts:
        for way in host.ways_out:
            why = f"receivers check the HELO name of {way.stream} mail, and of bounces"
            yield _Use(way.helo, way.addresses, why)
        yield _Use(host.hostname, host.addresses, f"mail that says it is {host.name} comes from it")


def _policy(addresses: Iterable[Address], rest: str) -> str:
    sources = sorted(set(addresses), key=lambda address: (address.version, int(address)))
    return " ".join(["v=spf1", *(f"ip{a.version}:{a}" for a in sources), rest])
