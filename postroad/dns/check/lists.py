"""DNS lists: is an address that mail leaves from on one of them? Pure (RFC 5782)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address

from postroad.dns.check.list_data import DnsList
from postroad.dns.check.verdict import Verdict
from postroad.onhost.common.words import quoted
from postroad.settings.model import Address, Host

# RFC 5782 §5: what every list of a family has, and what none may have.
TEST_ENTRIES = {4: ("127.0.0.2", "127.0.0.1"), 6: ("::ffff:7f00:2", "::ffff:7f00:1")}

Answers = Mapping[str, Sequence[str] | None]
"""For each name the A records, none where there is no such name; None where nobody answered."""


def entry(address: Address, zone: str) -> str:
    """The name to ask for: the address reversed, in front of the zone (RFC 5782 §2.1, §2.4)."""
    labels = address.reverse_pointer.rsplit(".", 2)[0]
    return f"{labels}.{zone}"


def questions(lists: Iterable[DnsList], host: Host) -> list[str]:
    """Every name that a host has to ask its resolver for."""
    return [
        entry(address, one.zone)
        for one in lists
        for family in one.families
        for address in (*_tests(family), *_sources(host, family))
        if _sources(host, family)
    ]


def verdicts(lists: Iterable[DnsList], host: Host, answers: Answers) -> Iterator[Verdict]:
    """A verdict for each list and address; one for a list that does not stand its own test."""
    for one in lists:
        for family in one.families:
            sources = _sources(host, family)
            trouble = _trouble(one, family, answers) if sources else ""
            if trouble:
                check = f"DNS list {one.name}, IPv{family}"
                reason = f"{one.zone} is not believed: {trouble}"
                yield Verdict(check, host.name, "unknown", one.severity, reason)
                continue
            for address in sources:
                yield _verdict(one, host, address, answers.get(entry(address, one.zone)))


def _tests(family: int) -> tuple[Address, ...]:
    return tuple(ip_address(text) for text in TEST_ENTRIES[family])


def _sources(host: Host, family: int) -> tuple[Address, ...]:
    found = (address for way in host.ways_out for address in way.addresses)
    return tuple(dict.fromkeys(address for address in found if address.version == family))


def _trouble(one: DnsList, family: int, answers: Answers) -> str:
    """Why what the list says counts for nothing; empty where it counts."""
    listed, clean = (answers.get(entry(address, one.zone)) for address in _tests(family))
    if listed is None or clean is None:
        return "the host's resolver gets no answer"
    refusals = [one.refused[code] for code in (*listed, *clean) if code in one.refused]
    if refusals:
        return f"it refuses, because {refusals[0]}"
    if not set(listed) & set(one.listed):
        return "it does not list its own test entry (it may be closed to this resolver, or dead)"
    if clean:
        return "it lists what no list may list (it may be dead, or the resolver rewrites answers)"
    return ""


def _verdict(one: DnsList, host: Host, address: Address, codes: Sequence[str] | None) -> Verdict:
    check = f"DNS list {one.name} for {address}"
    if codes is None:
        reason = f"the resolver of {host.name} gets no answer from {one.zone}"
        return Verdict(check, host.name, "unknown", one.severity, reason)
    meant = [one.listed[code] for code in codes if code in one.listed]
    if meant:
        reason = f"{address} is listed by {one.name}: {'; '.join(meant)}"
        mend = f"find out why, stop it, then ask at {one.remove}"
        return Verdict(check, host.name, "wrong", one.severity, reason, mend)
    if codes:
        said = one.refused.get(codes[0], f"{quoted(codes[0])} is no answer of this list")
        reason = f"{one.zone} says nothing about {address}: {said}"
        return Verdict(check, host.name, "unknown", one.severity, reason)
    return Verdict(check, host.name, "ok", one.severity, f"{address} is not on {one.name}")
