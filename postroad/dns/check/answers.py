"""One server's answer to one question. Pure: the sockets are in `postroad.dns.check.ask`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from postroad.settings.model import Address

Outcome = Literal[
    "answer",
    "nodata",
    "nxdomain",
    "alias",
    "lame",
    "refused",
    "servfail",
    "timeout",
    "unreachable",
    "truncated",
    "malformed",
    "too large",
    "not asked",
]
# The outcomes that say what is, or is not, in the zone.
SAID: frozenset[Outcome] = frozenset({"answer", "nodata", "nxdomain", "alias"})

# A chain that is longer is a maze: resolvers give up between 8 and 16 (unbound: 11).
CHAIN = 8
# Far beyond what any record here needs; a hostile zone may hold 64 kB in one answer.
OCTETS = 16_384


@dataclass(frozen=True, slots=True)
class Server:
    """Whom to ask: a resolver, or a server that is authoritative for the zone of the name."""

    address: Address
    port: int = 53
    recursive: bool = True

    def __str__(self) -> str:
        return f"{'resolver' if self.recursive else 'name server'} {self.address}"


@dataclass(frozen=True, slots=True)
class Question:
    """A name (lower case, absolute without the trailing dot; "." is the root) and a type."""

    name: str
    kind: str
    server: Server

    def __str__(self) -> str:
        return f"{self.name} {self.kind}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    ``rdatas`` are the records at the end of the chain of aliases, ``target`` is that end where the
    name is an alias; *alias* says that it must be asked about elsewhere. ``zone`` is the owner of
    the SOA of a negative answer (RFC 2308 §3), ``ttl`` in seconds, ``secure`` the AD flag (RFC 4035
    §3.2.3), ``detail`` words on what went wrong.
    """

    outcome: Outcome
    rdatas: frozenset[dns.rdata.Rdata] = frozenset()
    ttl: int = 0
    secure: bool = False
    target: str = ""
    zone: str = ""
    detail: str = ""

    @property
    def says(self) -> bool:
        """Whether something is known by it."""
        return self.outcome in SAID


def text_of(name: dns.name.Name) -> str:
    """A name as questions have it."""
    return name.to_text(omit_final_dot=True).lower() or "."


def read(question: Question, message: dns.message.Message) -> Answer:
    """What ``message`` says to ``question``. Records of any other name in it are not believed."""
    code = message.rcode()
    if code in (dns.rcode.REFUSED, dns.rcode.NOTAUTH):
        return Answer("refused", detail="it refuses the question")
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Answer("servfail", detail=f"it says {dns.rcode.to_text(code)}")
    if not question.server.recursive and not message.flags & dns.flags.AA:
        return Answer("lame", detail="it does not know the zone that is delegated to it")
    return _content(question, message)


def _content(question: Question, message: dns.message.Message) -> Answer:
    kind = dns.rdatatype.from_text(question.kind)
    name, ttl = dns.name.from_text(question.name), 2**31 - 1
    for _ in range(CHAIN + 1):
        found = message.get_rrset(message.answer, name, dns.rdataclass.IN, kind)
        if found is not None:
            answer = _bounded(frozenset(found), min(ttl, found.ttl))
            return replace(answer, secure=_is_secure(message), target=_target(question, name))
        alias = message.get_rrset(message.answer, name, dns.rdataclass.IN, dns.rdatatype.CNAME)
        if alias is None:
            return _nothing(question, message, name)
        # A parsed CNAME has this field; dnspython's types do not say so.
        name, ttl = cast(Any, alias[0]).target, min(ttl, alias.ttl)
    return Answer("malformed", detail=f"it answers with a chain of more than {CHAIN} CNAMEs")


def _nothing(question: Question, message: dns.message.Message, name: dns.name.Name) -> Answer:
    target, zone = _target(question, name), _zone(message, name)
    if message.rcode() == dns.rcode.NXDOMAIN:
        return Answer("nxdomain", secure=_is_secure(message), target=target, zone=zone)
    # A resolver has followed the chain; a name server leaves that to us.
    if target and not question.server.recursive:
        return Answer("alias", target=target)
    return Answer("nodata", secure=_is_secure(message), target=target, zone=zone)


def _bounded(rdatas: frozenset[dns.rdata.Rdata], ttl: int) -> Answer:
    octets = sum(len(rdata.to_wire() or b"") for rdata in rdatas)
    if octets > OCTETS:
        return Answer("too large", detail=f"the answer has {octets} octets")
    return Answer("answer", rdatas, ttl)


def _is_secure(message: dns.message.Message) -> bool:
    return bool(message.flags & dns.flags.AD)


def _target(question: Question, name: dns.name.Name) -> str:
    end = text_of(name)
    return end if end != question.name else ""


def _zone(message: dns.message.Message, name: dns.name.Name) -> str:
    for rrset in message.authority:
        if rrset.rdtype == dns.rdatatype.SOA and name.is_subdomain(rrset.name):
            return text_of(rrset.name)
    return ""
