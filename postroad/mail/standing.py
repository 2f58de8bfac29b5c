"""What a stream may do on one host, from what the world can verify of it. Pure.

Its way out is needed by all of its mail; a DKIM key only by that of its own From: domain. So a
domain that is new waits alone, and nothing is signed with a key that the world has not seen.

What was verified once is remembered, a need a line (the *latch*). So whatever an estate gains or
loses, the rest of it stays; and what is changed stays as it was until the new can be verified:
the name said in HELO, the addresses that mail leaves from, the key of a domain.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from postroad.dns.dkim import LiveKey
from postroad.dns.needs import Need, Needs, as_line, digest, need_of_key, needs_of_way
from postroad.host.paths import OPENED
from postroad.host.reading import Reading, section
from postroad.host.told import split
from postroad.settings.model import Address, Stream, WayOut
from postroad.settings.values import domain_fault

# What stands in the latch of a stream that nobody had to verify: it opens nothing should the world
# come to know the host.
LONE = "lone"

NO_KEY = "it has no DKIM key yet"
UNVERIFIED = "its records could not be verified"


@dataclass(frozen=True, slots=True)
class Standing:
    """What one stream may do.

    ``closed`` is why it takes no mail, empty where it does; ``waiting`` why that of a From: domain
    waits. ``way`` is how its mail leaves, and ``keys`` are what signs it, in the place of what is
    declared where that cannot be verified yet; ``unused`` says why, by what it is about. ``used``
    is what its mail needs as it leaves, ``latch`` what is remembered, a line each. ``instead`` is
    what to do first so that it need not close.
    """

    way: WayOut
    closed: str = ""
    waiting: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, LiveKey] = field(default_factory=dict)
    unused: Mapping[str, str] = field(default_factory=dict)
    used: tuple[Need, ...] = ()
    latch: tuple[str, ...] = ()
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A stream as it is declared on a host, what that needs, and the keys that are there for it."""

    stream: Stream
    way: WayOut
    needs: Needs
    keys: tuple[LiveKey, ...]


def latch(lines: Iterable[str]) -> bytes:
    """What stands in a stream's latch while it is open."""
    return "".join(f"{each}\n" for each in sorted(lines)).encode()


def remembered(found: Iterable[str], needs: Needs) -> frozenset[str]:
    """The needs that the lines of a latch say were verified.

    Versions before kept one digest of everything: where it is that of ``needs``, all of them were.
    """
    lines = frozenset(found)
    if not needs.keyless and digest(needs) in lines:
        return lines | set(map(as_line, needs))
    return lines


def standing(
    wanted: Wanted, known: Collection[str], look: Callable[[tuple[Need, ...]], Mapping[Need, str]]
) -> Standing:
    """What the stream may do. ``known`` are the lines of its latch (`remembered`).

    ``look`` has the world asked about needs, at most once, and answers with why each of those that
    do not stand does not.
    """
    new = tuple(need for need in wanted.needs if as_line(need) not in known)
    if not any(wanted.needs.domains.values()) and not dict(_kept_keys(wanted, known, {})):
        return _closed(wanted, NO_KEY, _BESIDE)
    faults = look(new) if new else {}
    way, unused = _way(wanted, known, faults)
    keys = dict(_kept_keys(wanted, known, faults))
    waiting = {
        domain: NO_KEY if need is None else faults[need]
        for domain, need in wanted.needs.domains.items()
        if (need is None or need in faults) and domain not in keys
    }
    if len(waiting) == len(wanted.needs.domains):
        return _closed(wanted, next(iter(_seen_first(waiting))), _BESIDE)
    if way is None:
        wrong = [need for need in wanted.needs.way if need in faults]
        return _closed(wanted, faults[wrong[0]], _published(wrong))
    for domain, key in keys.items():
        need = wanted.needs.domains[domain]
        why = NO_KEY if need is None else faults[need]
        unused[f"the new DKIM key of {domain}"] = f"{key.selector} signs until then: {why}"
    stands = [need for need in wanted.needs if need not in faults]
    used = (
        *(need_of_key(key) for key in keys.values()),
        *(n for d, n in wanted.needs.domains.items() if n and d not in waiting and d not in keys),
        *(wanted.needs.way if way == wanted.way else needs_of_way(wanted.stream, way)),
    )
    lines = dict.fromkeys(map(as_line, (*stands, *used)))
    return Standing(way, "", waiting, keys, unused, used, tuple(lines))


def lone(wanted: Wanted) -> Standing:
    """What the stream of a box may do that the world does not know: all that it has keys for."""
    keyless = wanted.needs.keyless
    if len(keyless) == len(wanted.needs.domains):
        return _closed(wanted, NO_KEY, "")
    return Standing(wanted.way, "", dict.fromkeys(keyless, NO_KEY), latch=(LONE,))


def unasked(wanted: Wanted, known: Collection[str]) -> Standing:
    """What stands of a stream while nobody looks: what is remembered, and no more."""

    def nobody(needs: tuple[Need, ...]) -> Mapping[Need, str]:
        return dict.fromkeys(needs, UNVERIFIED)

    return standing(wanted, known, nobody)


# New domains wait beside one that is open.
_BESIDE = (
    "So that it need not: keep a From: domain that works beside the new one until its key is "
    "published and it is open as well; then take the other one away"
)


def _published(wrong: Iterable[Need]) -> str:
    records = dict.fromkeys(record for need in wrong for record in need.publish)
    listed = " | ".join(records)
    return (
        "So that it need not: publish first what it needs beside what is there, and run when this "
        f"host's resolver sees it: {listed}"
    )


def _closed(wanted: Wanted, reason: str, instead: str) -> Standing:
    waiting = dict.fromkeys(wanted.needs.keyless, NO_KEY)
    # An empty reason would read as an open stream.
    closed = reason or UNVERIFIED
    return Standing(wanted.way, closed, waiting, used=tuple(wanted.needs), instead=instead)


def _seen_first(waiting: Mapping[str, str]) -> Iterator[str]:
    """The reasons of domains, that of a record before that of a key which a run is to make."""
    yield from (reason for reason in waiting.values() if reason != NO_KEY)
    yield from waiting.values()


def _way(
    wanted: Wanted, known: Collection[str], faults: Mapping[Need, str]
) -> tuple[WayOut | None, dict[str, str]]:
    """How mail leaves, None where it must not; and why what is declared beyond that does not count.

    Where the declared way does not stand, what stood before does: another name may have been said
    in HELO, and an address may be new, unless it is in the place of another one.
    """
    why = {need: faults[need] for need in wanted.needs.way if need in faults}
    if not why:
        return wanted.way, {}
    ways = list(_ways_before(wanted, known))
    if not ways:
        return None, {}
    way = max(ways, key=lambda way: len(way.addresses))
    return way, dict(_unused(wanted.way, way, why))


def _ways_before(wanted: Wanted, known: Collection[str]) -> Iterator[WayOut]:
    """The ways by which mail left that are still whole, with the declared name in HELO first."""
    stood = _stood(known)
    for helo in (wanted.way.helo, *(name for name in stood if name != wanted.way.helo)):
        addresses = [a for a in wanted.way.addresses if a in stood.get(helo, ())]
        way = replace(
            wanted.way,
            helo=helo,
            ipv4=wanted.way.ipv4 if wanted.way.ipv4 in addresses else None,
            ipv6=wanted.way.ipv6 if wanted.way.ipv6 in addresses else None,
        )
        lines = set(map(as_line, needs_of_way(wanted.stream, way)))
        if lines and lines <= set(known) and not _moved(wanted.way, stood[helo]):
            yield way


def _moved(declared: WayOut, before: Collection[Address]) -> bool:
    """Whether an address is in the place of another one: then applications come to it, too."""
    added = (address for address in declared.addresses if address not in before)
    return any(address.version == other.version for address in added for other in before)


def _unused(declared: WayOut, way: WayOut, why: Mapping[Need, str]) -> Iterator[tuple[str, str]]:
    if way.helo != declared.helo:
        reason = next(iter(why.values()))
        yield f"the HELO name {declared.helo}", f"{way.helo} is said until then: {reason}"
    for address in declared.addresses:
        if address not in way.addresses:
            reasons = (r for need, r in why.items() if dict(need.facts)["address"] == str(address))
            yield f"the address {address}", next(reasons, UNVERIFIED)


def _stood(known: Iterable[str]) -> dict[str, list[Address]]:
    """The names that were said in HELO, and the addresses that each was said from."""
    found: dict[str, list[Address]] = {}
    for each in known:
        try:
            facts = json.loads(each)
            if facts["kind"] == "fcrdns" and not domain_fault(facts["name"]):
                found.setdefault(facts["name"], []).append(ip_address(facts["address"]))
        # A line of an earlier version, or one that somebody else has written.
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _kept_keys(
    wanted: Wanted, known: Collection[str], faults: Mapping[Need, str]
) -> Iterator[tuple[str, LiveKey]]:
    """The keys that sign until the world has seen those that are to sign."""
    for domain, need in wanted.needs.domains.items():
        if need is None or need in faults:
            mine = (key for key in wanted.keys if key.domain == domain)
            kept = [key for key in mine if as_line(need_of_key(key)) in known]
            if kept:
                yield domain, kept[-1]


LATCHES_SHELL = f"m opened; cd {OPENED} && grep -H . *"


def _latches(lines: Iterable[str]) -> dict[str, tuple[str, ...]]:
    opened: dict[str, list[str]] = {}
    for stream, _, verified in split(lines, ":"):
        opened.setdefault(stream, []).append(verified)
    return {stream: tuple(verified) for stream, verified in opened.items()}


#: The lines of each stream's latch.
LATCHES: Reading[Mapping[str, tuple[str, ...]]] = Reading("opened", section("opened", _latches), {})
