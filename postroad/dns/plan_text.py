"""A plan of publishing, and what came of it, in words for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import dns.name
import dns.reversename
from dns.rdata import Rdata
from dns.rdatatype import RdataType

from postroad.dns.changes import Line, ZonePlan
from postroad.dns.owned import merged
from postroad.dns.primary import PrimaryError
from postroad.dns.record import Record
from postroad.dns.rrset import RRset
from postroad.dns.zones import Division


def plan_text(plan: ZonePlan) -> str:
    """The plan of one zone: every RRset that is not as wanted, with its reason."""
    as_wanted = sum(line.verdict == "unchanged" for line in plan.lines)
    telling = [_line_text(line) for line in plan.lines if line.verdict != "unchanged"]
    return "\n".join([f"{plan.zone}: {_count(as_wanted, 'RRset')} as wanted", *telling]) + "\n"


def elsewhere_text(division: Division, gone: Iterable[Record]) -> str:
    """What is to be published, or is ``gone``, but not in these zones; empty where nothing is."""
    return "".join((*_elsewhere(division), *_to_remove(gone)))


def outcome_text(
    plans: Mapping[str, ZonePlan], outcomes: Mapping[str, ZonePlan | PrimaryError]
) -> str:
    """What was done, by zone, and what stands there now."""
    return "".join(f"{_outcome(plans[zone], came)}\n" for zone, came in outcomes.items())


def _line_text(line: Line) -> str:
    name = line.wanted.name.to_text(omit_final_dot=True)
    parts = [f"  {line.verdict:<6}  {name}  {line.wanted.type.name}  TTL {line.wanted.ttl}"]
    if line.seen is not None:
        parts += [f"      {text}" for text in _before(line)]
    if line.verdict != "remove":
        sign = "-> " if line.seen is not None else ""
        parts += [f"      {sign}{rdata.to_text()}" for rdata in line.wanted.rdatas]
    parts += [f"      {reason}" for reason in line.why]
    parts += [f"      {sentence}" for sentence in _standing(line)]
    return "\n".join(parts)


def _standing(line: Line) -> Iterator[str]:
    """What to do about a line that is not simply carried out, and what an addition costs."""
    if line.lost:
        yield from _of_wildcard(line)
    elif line.verdict == "in the way" and _is_implicit(line):
        yield _IMPLICIT
    elif line.verdict in _STANDING:
        yield _STANDING[line.verdict]
    if line.verdict == "in the way" and (text := merged(line.wanted, line.kept)):
        yield f'to let the estate\'s hosts through as well, it would read: "{text}"'


def _of_wildcard(line: Line) -> Iterator[str]:
    name = line.lost[0].name.to_text(omit_final_dot=True)
    if line.verdict != "in the way":
        yield f"a wildcard answers for {name} now, and will not any more:"
        yield from (f"  {each}" for each in _told(line.lost, name))
        return
    yield (
        f"a wildcard answers for {name}, which does not exist, and would not any more once this is"
        f" there (RFC 4592): write these at {name}, and at *.{name} where names beneath it are"
        " used, then publish again"
    )
    yield from (f"  {each}" for each in _told(line.lost, name))


def _told(rrsets: Iterable[RRset], name: str) -> Iterator[str]:
    for rrset in rrsets:
        for rdata in rrset.rdatas:
            yield f"{name}. {rrset.ttl} IN {rrset.type.name} {rdata.to_text()}"


def _is_implicit(line: Line) -> bool:
    return line.wanted.type == RdataType.MX and line.seen is not None and _is_address(line.seen)


def _is_address(rrset: RRset) -> bool:
    return rrset.type in (RdataType.A, RdataType.AAAA)


_IMPLICIT = (
    "without an MX, mail to this name goes to its address (RFC 5321 §5.1), and would come to the"
    " estate's hosts instead, which refuse it: name another envelope_domain; or, where nobody gets"
    " mail there, remove the address, or write this MX by hand, then publish again"
)


_STANDING = {
    "in the way": (
        "not ours to replace, so it stays, since others may live by it: give the estate another"
        " name; or, where nobody does, settle it by hand (remove it, or have it hold what is"
        " wanted), then publish again"
    ),
    "waits": "waits for what is in the way: half of it would harm whoever lives by that",
}


def _before(line: Line) -> Iterator[str]:
    if line.seen is None:
        return
    if not line.kept and line.seen.ttl != line.wanted.ttl and line.verdict != "remove":
        yield f"TTL {line.seen.ttl} now"
    for rdata in line.seen.rdatas:
        yield f"{_fate(line, rdata)} {line.seen.type.name} {rdata.to_text()}"


def _fate(line: Line, rdata: Rdata) -> str:
    if rdata in line.kept or line.verdict in _STANDING:
        return "stays"
    if line.verdict == "remove":
        return "goes"
    return "stands" if rdata in line.wanted.rdatas else "goes"


def _elsewhere(division: Division) -> Iterator[str]:
    if division.pointers:
        yield "\nAt the hoster of each address, since no zone of yours holds its name:\n"
        for record in division.pointers:
            yield f"  set PTR of {_address(record)} to {record.data.rstrip('.')}\n"
    if division.outside:
        yield '\nIn no zone of estate["dns"]["zones"], so not published from here:\n'
        for record in division.outside:
            yield f"  {record.owner}  {record.type}\n      {record.why}\n"


def _to_remove(gone: Iterable[Record]) -> Iterator[str]:
    names = [f"  {record.owner}  {record.type}\n" for record in gone]
    if names:
        yield '\nIn no zone of estate["dns"]["zones"] either, and to be removed there:\n'
        yield from names


def _address(record: Record) -> str:
    return dns.reversename.to_address(dns.name.from_text(record.owner))


def _outcome(plan: ZonePlan, came: ZonePlan | PrimaryError) -> str:
    if isinstance(came, PrimaryError):
        return f"{plan.zone}: {came}"
    done = ", ".join(_verbs(plan.to_do))
    if came.to_do:
        names = ", ".join(_names(came.to_do))
        return (
            f"{plan.zone}: {done}; but the primary does not hold all of it now: {names}. Somebody"
            " else changes the zone, or it stores them otherwise: publish again and compare"
        )
    return f"{plan.zone}: {done}; the primary holds all of it"


def _verbs(lines: Iterable[Line]) -> Iterator[str]:
    verdicts = [line.verdict for line in lines]
    for verdict, word in (("add", "added"), ("change", "changed"), ("remove", "removed")):
        if verdict in verdicts:
            yield f"{_count(verdicts.count(verdict), 'RRset')} {word}"


def _names(lines: Iterable[Line]) -> Iterator[str]:
    for line in lines:
        yield f"{line.wanted.name.to_text(omit_final_dot=True)} {line.wanted.type.name}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
