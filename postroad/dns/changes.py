"""What a zone lacks: wanted records against what its primary holds, and the update between (pure).

One update for each zone (RFC 2136). Its prerequisites say what was seen of every RRset that it
touches, so that it is carried out whole, or not at all where the zone is no longer as it was seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import dns.name
from dns.name import Name
from dns.rdata import Rdata
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.MX import MX
from dns.update import UpdateMessage

from postroad.dns.owned import Around, foreign, holds, let_be, says_something, strangers, subject
from postroad.dns.record import Record
from postroad.dns.rrset import Key, RRset, content, key_of, rrsets

Verdict = Literal["add", "change", "unchanged", "remove", "in the way", "waits"]

# Of which a name has one that counts.
_ALONE = (RdataType.TXT, RdataType.CNAME, RdataType.PTR)
# An alias stands alone at its name (RFC 1034 §3.6.2): where one is wanted, these are asked for too.
_BESIDE_ALIAS = (RdataType.A, RdataType.AAAA, RdataType.MX, RdataType.TXT)
# Mail to a name without MX goes to its address (RFC 5321 §5.1).
_ADDRESSES = (RdataType.A, RdataType.AAAA)
_BESIDE = {RdataType.CNAME: _BESIDE_ALIAS, RdataType.MX: _ADDRESSES}

_NOTHING: Mapping[Name, tuple[RRset, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Line:
    """What happens to one RRset, and why it is wanted.

    ``seen`` is what stands at its name (None: nothing), ``kept`` what of that is not ours.
    *in the way*: what stands there is not ours to replace, so nothing happens. *waits*: something
    is in the way of another part of the same, and half of it would be worse than nothing. *remove*:
    ``wanted`` was ours once, and whatever of its kind stands there goes. ``lost`` is what a
    wildcard answers now and would not any more once this is there: in the way where others live by
    it, told where the name is the estate's own.
    """

    verdict: Verdict
    wanted: RRset
    why: tuple[str, ...]
    seen: RRset | None = None
    kept: tuple[Rdata, ...] = ()
    lost: tuple[RRset, ...] = ()

    @property
    def is_to_do(self) -> bool:
        return self.verdict in ("add", "change", "remove")


@dataclass(frozen=True, slots=True)
class ZonePlan:
    """What is to be done in one zone, a line for each RRset that the estate wants there."""

    zone: str
    lines: tuple[Line, ...]

    @property
    def to_do(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.is_to_do)

    @property
    def in_the_way(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.verdict == "in the way")

    @property
    def is_settled(self) -> bool:
        """Whether the zone holds all that is wanted."""
        return all(line.verdict == "unchanged" for line in self.lines)


def plan(
    zone: str,
    records: Iterable[Record],
    gone: Iterable[Record],
    seen: Mapping[Key, RRset],
    shared: Collection[Name],
    served: Mapping[Name, tuple[RRset, ...]] = _NOTHING,
) -> ZonePlan:
    """What ``zone`` needs to hold ``records``, and none of those that are ``gone``.

    ``seen`` is what its primary holds of `questions`, ``shared`` the names that others use too,
    ``served`` those of `brought` that a wildcard answers for, and what.
    """
    everything = tuple(records)
    why: dict[Key, dict[str, None]] = {}
    for record in everything:
        why.setdefault(key_of(record), {})[record.why] = None
    gathered = rrsets(everything)
    around = Around.of(gathered, seen, shared)
    own = {wanted.name for wanted in gathered}.difference(shared)
    told = {name: tuple(filter(says_something, held)) for name, held in served.items()}
    told = {name: held for name, held in told.items() if held}
    lines = [
        _with_lost(_line(wanted, tuple(why[wanted.key]), seen, around), told, own)
        for wanted in gathered
    ]
    removals = (_removal(record, seen) for record in gone)
    return ZonePlan(zone, (*_together(lines), *(line for line in removals if line is not None)))


def questions(records: Iterable[Record]) -> tuple[Key, ...]:
    """The RRsets to ask the primary for, each once."""
    asked: dict[Key, None] = {}
    for record in records:
        name, kind = key_of(record)
        others = _BESIDE.get(kind, ())
        asked.update(dict.fromkeys((name, one) for one in (kind, *others)))
    return tuple(asked)


def doubtful(plan: ZonePlan) -> tuple[Key, ...]:
    """The RRsets that were answered and differ from what is wanted.

    An answer may be made from a wildcard (RFC 4592 §3.3.1): then nothing stands at the name itself,
    and a prerequisite that it does would fail for ever.
    """
    differing = (line.seen for line in plan.lines if line.verdict != "unchanged")
    return tuple(dict.fromkeys(seen.key for seen in differing if seen))


def brought(plan: ZonePlan) -> tuple[Name, ...]:
    """The names that would come to exist with what is added, each once: its own and those above.

    What exists is served by no wildcard any more, though nothing stands at it (an empty
    non-terminal, RFC 4592 §2.2.2). Names that begin with an underscore (RFC 8552) and those of keys
    are nobody's to visit or to write to, and those of addresses have each its own pointer.
    """
    apex = dns.name.from_text(plan.zone)
    found: dict[Name, None] = {}
    for line in plan.lines:
        if line.verdict == "add" and line.wanted.type != RdataType.PTR:
            found.update(dict.fromkeys(_up_to(line.wanted.name, apex)))
    return tuple(found)


def update(plan: ZonePlan) -> UpdateMessage:
    """The update that carries ``plan`` out (RFC 2136 §2), not signed; empty where nothing is to do.

    What is in the way stays as it is.
    """
    message = UpdateMessage(f"{plan.zone}.")
    for line in plan.to_do:
        if line.seen is None:
            _add(message, line.wanted)
        elif line.verdict == "remove":
            _remove(message, line, line.seen)
        else:
            _change(message, line, line.seen)
    return message


def _line(wanted: RRset, why: tuple[str, ...], seen: Mapping[Key, RRset], around: Around) -> Line:
    # Other data beside a CNAME is silently ignored by the server (RFC 2136 §3.4.2.2).
    others = _BESIDE_ALIAS if wanted.type == RdataType.CNAME else (RdataType.CNAME,)
    for kind in others:
        if alone := seen.get((wanted.name, kind)):
            return Line("in the way", wanted, why, alone)
    found = seen.get(wanted.key)
    if found is None:
        taken = strangers(wanted, seen, around)
        return Line("in the way", wanted, why, taken) if taken else Line("add", wanted, why)
    theirs, beside = foreign(wanted, found, around), let_be(wanted, found)
    ours = [rdata for rdata in found.rdatas if rdata not in theirs and rdata not in beside]
    kept = (*beside, *theirs)
    # Others' may stand beside ours where all of ours do; but a name has one policy (SPF, DMARC).
    is_beside = wanted.type not in _ALONE and _same(ours, wanted.rdatas)
    if theirs and (is_beside or holds(wanted, theirs)):
        return Line("unchanged", wanted, why, found, kept)
    if theirs:
        return Line("in the way", wanted, why, found, kept)
    # The TTL belongs to the whole RRset (RFC 2181 §5.2): it is not ours alone to change.
    is_timely = bool(kept) or found.ttl == wanted.ttl
    is_as_wanted = _same(ours, wanted.rdatas) and is_timely
    return Line("unchanged" if is_as_wanted else "change", wanted, why, found, kept)


def _with_lost(line: Line, told: Mapping[Name, tuple[RRset, ...]], own: Collection[Name]) -> Line:
    """``line`` with what a wildcard would not answer any more, at the highest name of which.

    At a name of the estate's own nobody else is at home; beneath one, others may be.
    """
    if line.verdict != "add":
        return line
    name = line.wanted.name
    above = [n for n in told if name.is_subdomain(n) and n not in own]
    if above:
        return replace(line, verdict="in the way", lost=told[min(above, key=len)])
    return replace(line, lost=told.get(name, ()))


def _up_to(name: Name, apex: Name) -> Iterator[Name]:
    while name != apex and name.is_subdomain(apex):
        if not name.labels[0].startswith(b"_") and b"_domainkey" not in name.labels:
            yield name
        name = name.parent()


def _together(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The same lines; what belongs to something that is in the way of others' waits with it.

    An MX beside a stranger's SPF record would take the mail that his people's servers send for;
    our SPF record beside his MX would have that mail fail.
    """
    everything = tuple(lines)
    names = {line.wanted.name for line in everything}
    blocked = {
        subject(line.wanted.name, names) for line in everything if line.verdict == "in the way"
    }

    def belongs(line: Line) -> bool:
        leads_to = {rdata.exchange for rdata in line.wanted.rdatas if isinstance(rdata, MX)}
        return bool(blocked & {subject(line.wanted.name, names), *leads_to})

    return tuple(
        replace(line, verdict="waits") if line.is_to_do and belongs(line) else line
        for line in everything
    )


def _removal(record: Record, seen: Mapping[Key, RRset]) -> Line | None:
    (once,) = rrsets([record])
    found = seen.get(once.key)
    if found is None:
        return None
    kept = let_be(once, found)
    if len(kept) == len(found.rdatas):
        return None
    return Line("remove", once, (record.why,), found, kept)


def _same(some: Iterable[Rdata], others: Iterable[Rdata]) -> bool:
    """Whether both say the same, each thing once: a second SPF record is one too many."""
    left, right = [content(r) for r in some], [content(r) for r in others]
    return len(left) == len(right) and set(left) == set(right)


def _add(message: UpdateMessage, wanted: RRset) -> None:
    if wanted.type == RdataType.CNAME:
        # RFC 2136 §2.4.5: a CNAME beside other data would be ignored, so the name must be free.
        message.absent(wanted.name)
    else:
        message.absent(wanted.name, wanted.type)
        message.absent(wanted.name, RdataType.CNAME)
    message.add(wanted.name, wanted.ttl, *wanted.rdatas)


def _remove(message: UpdateMessage, line: Line, seen: RRset) -> None:
    message.present(line.wanted.name, *seen.rdatas)
    message.delete(line.wanted.name, *(r for r in seen.rdatas if r not in line.kept))


def _change(message: UpdateMessage, line: Line, seen: RRset) -> None:
    wanted = line.wanted
    message.present(wanted.name, *seen.rdatas)
    if not line.kept:
        message.replace(wanted.name, wanted.ttl, *wanted.rdatas)
        return
    gone = [r for r in seen.rdatas if r not in line.kept and r not in wanted.rdatas]
    if gone:
        message.delete(wanted.name, *gone)
    new = [r for r in wanted.rdatas if r not in seen.rdatas]
    if new:
        message.add(wanted.name, seen.ttl, *new)
