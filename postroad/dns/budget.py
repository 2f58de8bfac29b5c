"""What DNS and receivers bear: derived records that would be refused, cut off or not read.

Looks at the records alone. Of the two void look-ups that SPF may cost (RFC 7208 §4.6.4) it need not
speak: everything that a derived record includes is derived beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdtypes.txtbase

from postroad.dns import spf
from postroad.dns.record import Record

# RFC 7208 §4.6.4: terms that ask DNS, in one evaluation.
SPF_LOOKUPS = 10
# DNS Flag Day 2020 (dnsflagday.net/2020): what an answer over UDP may have, in octets, and still
# be neither fragmented nor asked for again over TCP.
ANSWER_OCTETS = 1232

# RFC 1035 §4.1: header; type and class of the question; compressed name, type, class, TTL and
# length of each record.
_HEADER, _QUESTION, _RECORD = 12, 4, 12

_ASKING = ("include:", "exists:", "redirect=", "a:", "mx:", "ptr:", "a/", "mx/")
_ASKING_ALONE = ("a", "mx", "ptr")

_SETS = Mapping[tuple[str, str], Sequence[dns.rdata.Rdata]]


def faults(records: Iterable[Record]) -> tuple[str, ...]:
    """What no zone, resolver or receiver would bear: a sentence each, the name first.

    A record that cannot be written at all is told alone: without it the sizes mean nothing.
    """
    everything = tuple(records)
    unwritable = tuple(_unwritable(everything))
    if unwritable:
        return unwritable
    sets: dict[tuple[str, str], list[dns.rdata.Rdata]] = {}
    for record in everything:
        sets.setdefault((record.owner, record.type), []).append(_rdata(record))
    return (*_crowded_aliases(sets), *_spf_faults(sets), *_large_answers(sets))


def _unwritable(records: Iterable[Record]) -> Iterator[str]:
    for record in records:
        try:
            dns.name.from_text(record.owner)
            _rdata(record)
        except (dns.exception.DNSException, ValueError) as error:
            # RFC 1035 §2.3.4: 63 octets a label, 255 a name; §3.3: 255 a character-string.
            yield (
                f"{record.owner}: its {record.type} record cannot be written ({error}): "
                "choose shorter names"
            )


def _crowded_aliases(sets: _SETS) -> Iterator[str]:
    """An alias stands alone at its name, and there is one (RFC 1034 §3.6.2, RFC 2181 §10.1)."""
    for (owner, kind), rdatas in sets.items():
        if kind != "CNAME":
            continue
        beside = sorted(other for name, other in sets if name == owner and other != "CNAME")
        if beside or len(rdatas) > 1:
            what = ", ".join(beside) or "another CNAME"
            yield f"{owner}: is an alias and has {what} as well: choose another name for one"


def _spf_faults(sets: _SETS) -> Iterator[str]:
    for (owner, kind), rdatas in sets.items():
        texts = [_text(rdata) for rdata in rdatas if kind == "TXT"]
        policies = [text for text in texts if text.split(" ")[0] == "v=spf1"]
        if not policies:
            continue
        if len(policies) > 1:
            # RFC 7208 §4.5: more than one is a permerror.
            yield f"{owner}: has {len(policies)} SPF records: choose another name for one use"
        if (asking := max(map(_lookups, policies))) > SPF_LOOKUPS:
            yield (
                f"{owner}: SPF takes {asking} look-ups, and receivers stop after {SPF_LOOKUPS} "
                "(RFC 7208 §4.6.4): let fewer addresses send for it"
            )
        size = len(owner) + sum(map(len, texts))
        if size > spf.ROOM:
            yield (
                f"{owner}: name and TXT records have {size} octets, and {spf.ROOM} fit into every "
                "answer (RFC 7208 §3.4): choose a shorter name, or let fewer addresses send for it"
            )


def _lookups(policy: str) -> int:
    terms = (term.lstrip("+-~?") for term in policy.split(" ")[1:])
    return sum(term in _ASKING_ALONE or term.startswith(_ASKING) for term in terms)


_MENDS = {
    "TXT": "publish a shorter key there, RSA with 2048 bits",
    "MX": "let fewer hosts take mail in",
}


def _large_answers(sets: _SETS) -> Iterator[str]:
    for (owner, kind), rdatas in sets.items():
        name = len(dns.name.from_text(owner).to_wire() or b"")
        rows = sum(_RECORD + len(rdata.to_wire() or b"") for rdata in rdatas)
        size = _HEADER + name + _QUESTION + rows
        if size > ANSWER_OCTETS:
            yield (
                f"{owner}: an answer with its {kind} records has {size} octets, and only "
                f"{ANSWER_OCTETS} come through everywhere: {_MENDS.get(kind, 'publish less there')}"
            )


def _rdata(record: Record) -> dns.rdata.Rdata:
    return dns.rdata.from_text(dns.rdataclass.IN, record.type, record.data)


def _text(rdata: dns.rdata.Rdata) -> str:
    assert isinstance(rdata, dns.rdtypes.txtbase.TXTBase)
    return b"".join(rdata.strings).decode("ascii")
