"""SPF: which addresses may use a name in MAIL FROM or HELO (RFC 7208).

Only names that postroad owns get a record: envelope domains, HELO names and host names. A sending
domain that is not also one of these keeps whatever SPF record its owner has there, because SPF
never looks at From: (RFC 7208 §2.4).

Every source is an address, which costs no look-up. A way out by a relay would add its ``include``
to the one use in which the relay's envelope is ours: that of the envelope domain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from postroad.dns.record import Record
from postroad.dns.text import txt
from postroad.settings.model import Address, Estate

# RFC 7208 §3.4: name and text together, in octets, of an answer that fits everywhere.
ROOM = 450


@dataclass(frozen=True, slots=True)
class _Use:
    """One use of a name as a sender: from which addresses, and in which words."""

    name: str
    addresses: tuple[Address, ...]
    why: str


def records(estate: Estate, draining: Iterable[tuple[str, Address]] = ()) -> Iterator[Record]:
    """One SPF record for each name that sends; a second one would be a permerror (RFC 7208 §4.5).

    ``draining`` are streams, and addresses of hosts that carry them no more and still deliver.

    A name whose mail people forward ends in ``~all``: receivers may refuse on ``-all`` before they
    look at DKIM and DMARC (RFC 9989 §7.1). HELO and host names are never forwarded: ``-all``. A
    name that no mail leaves by gets nothing but that (RFC 7208 §10.1.2).
    """
    people_use = {*(stream.envelope_domain for stream in estate.streams), *estate.from_domains}
    uses = list(_uses(estate, tuple(draining)))
    for name in dict.fromkeys(use.name for use in uses):
        of_name = [use for use in uses if use.name == name]
        addresses = [address for use in of_name for address in use.addresses]
        rest = "~all" if addresses and name in people_use else "-all"
        for owner, text in _published(name, _sources(addresses), rest):
            yield Record(owner, estate.record_ttl, "TXT", txt(text), of_name[0].why)


def _uses(estate: Estate, draining: Sequence[tuple[str, Address]]) -> Iterator[_Use]:
    for stream in estate.streams:
        ways = [way for host in estate.hosts for way in host.ways_out if way.stream == stream.name]
        own = (address for way in ways for address in way.addresses)
        addresses = (*own, *(address for name, address in draining if name == stream.name))
        why = f"the addresses that {stream.name} mail leaves from; receivers check MAIL FROM"
        yield _Use(stream.envelope_domain, addresses, why)
    for host in estate.hosts:
        for way in host.ways_out:
            why = f"receivers check the HELO name of {way.stream} mail, and of bounces"
            yield _Use(way.helo, way.addresses, why)
        if host.hostname not in estate.from_domains:
            yield _Use(host.hostname, (), f"no mail says that it comes from {host.hostname}")


def _published(name: str, sources: Sequence[str], rest: str) -> Iterator[tuple[str, str]]:
    """The record at ``name``; where it would be too long, the names of its parts, and these.

    A part costs one of ten look-ups and holds what fits; `postroad.dns.budget` tells when ten are
    not enough.
    """
    if _fits(name, whole := _policy(sources, rest)):
        yield name, whole
        return
    parts = list(_parts(name, sources))
    yield name, _policy([f"include:{owner}" for owner, _ in parts], rest)
    yield from parts


def _parts(name: str, sources: Sequence[str]) -> Iterator[tuple[str, str]]:
    left = list(sources)
    number = 1
    while left:
        owner = f"_spf{number}.{name}"
        # One source at least: a name that leaves no room for it is the budget's to tell.
        taken = 1
        while taken < len(left) and _fits(owner, _policy(left[: taken + 1], "-all")):
            taken += 1
        yield owner, _policy(left[:taken], "-all")
        left = left[taken:]
        number += 1


def _sources(addresses: Iterable[Address]) -> tuple[str, ...]:
    ordered = sorted(set(addresses), key=lambda address: (address.version, int(address)))
    return tuple(f"ip{address.version}:{address}" for address in ordered)


def _policy(terms: Iterable[str], rest: str) -> str:
    return " ".join(["v=spf1", *terms, rest])


def _fits(owner: str, text: str) -> bool:
    return len(owner) + len(text) <= ROOM
