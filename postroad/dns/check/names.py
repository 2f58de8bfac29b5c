"""The world's view of a name: every resolver and every name server of its zone, and one truth.

What resolvers hold may be out of date, and what one name server holds may be another zone file
than its neighbour's. A record counts only where all of them say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dns.exception
import dns.name

from postroad.dns.check.answers import CHAIN, Answer, Question, Server, text_of
from postroad.dns.check.asking import Asker
from postroad.dns.check.said import Said, TooLargeError, UnansweredError, addresses, targets
from postroad.onhost.common.words import quoted
from postroad.settings.model import Address

# The root and the large top-level domains have 13; these many tell as much.
SERVERS = 4
# Only for a resolver that leaves the SOA out of negative answers.
CLIMB = 6

_NOTHING = Said(frozenset(), 0, secure=False)


@dataclass(frozen=True, slots=True)
class _Zone:
    """A zone, the servers that speak for it, and why the others do not."""

    apex: str
    servers: tuple[Server, ...]


@dataclass(frozen=True, slots=True)
class Silence:
    """A source that has no say, since it did not answer its first question."""

    server: Server
    zone: str
    reason: str


class Names:
    """Asks ``resolvers``, and the authoritative servers of each name's zone."""

    def __init__(self, asker: Asker, resolvers: Iterable[Address], port: int = 53) -> None:
        self._asker = asker
        self._port = port
        self.resolvers = tuple(Server(address, port) for address in resolvers)
        self._silent: dict[tuple[Server, str], Silence] = {}

    def silent(self) -> list[Silence]:
        """The sources that were left out so far."""
        return sorted(self._silent.values(), key=lambda one: (one.zone, str(one.server)))

    def ask(self, name: str, kind: str) -> Said:
        """What all sources say. UnansweredError, TooLargeError."""
        question = _canonical(name)
        if question is None:
            return _NOTHING
        # Sent before anybody waits for the way to the zone's own servers.
        resolvers = self._speaking(self.resolvers, ".", "NS")
        waiting = [(s, self._asker.start(Question(question, kind, s))) for s in resolvers]
        if not waiting:
            raise UnansweredError("no resolver answers")
        own = self._authoritative(question, kind, ())
        heard = [(server, future.result()) for server, future in waiting]
        agreed = _agreed(question, kind, [*own.opinions, *heard])
        secure = all(answer.secure for _, answer in heard)
        return Said(agreed.rdatas, agreed.ttl, secure, own.aliased)

    def _authoritative(self, name: str, kind: str, trail: tuple[str, ...]) -> _Own:
        """What the zone's own servers say, through the zones that a chain of aliases leads to."""
        if name in trail:
            raise UnansweredError(f"{trail[0]} {kind}: its CNAME leads in a circle")
        if len(trail) > CHAIN:
            raise UnansweredError(f"{trail[0]} {kind}: more than {CHAIN} CNAMEs in a row")
        zone = self._zone(name)
        waiting = [(s, self._asker.start(Question(name, kind, s))) for s in zone.servers]
        heard = [(server, future.result()) for server, future in waiting]
        agreed = _agreed(name, kind, heard)
        if agreed.outcome == "alias":
            return self._authoritative(agreed.target, kind, (*trail, name))
        return _Own(heard, bool(trail))

    def _zone(self, name: str) -> _Zone:
        apex = self._apex(name)
        names = targets(self._resolved(apex, "NS"))[:SERVERS]
        places = [place for server in names for place in self._places(server)]
        servers = [Server(place, self._port, recursive=False) for place in dict.fromkeys(places)]
        speaking = self._speaking(servers, apex, "SOA")
        if not speaking:
            raise UnansweredError(f"none of the name servers of {apex} answers")
        return _Zone(apex, speaking)

    def _apex(self, name: str) -> str:
        """The name of the zone that ``name`` is in."""
        place = name
        for _ in range(CLIMB):
            answer = self._first(place, "NS")
            # An alias has no servers of its own, and what is said is about its target.
            if answer.outcome == "answer" and not answer.target:
                return place
            if answer.zone and not answer.target:
                return answer.zone
            if place == ".":
                break
            place = place.partition(".")[2] or "."
        raise UnansweredError(f"nobody says which name servers {name} has")

    def _places(self, server: str) -> list[Address]:
        """One address of a name server; IPv6 only where it has nothing else."""
        for kind in ("A", "AAAA"):
            found = sorted(addresses(self._resolved(server, kind)), key=int)
            if found:
                return found[:1]
        return []

    def _resolved(self, name: str, kind: str) -> Said:
        answer = self._first(name, kind)
        return Said(answer.rdatas, answer.ttl, answer.secure)

    def _first(self, name: str, kind: str) -> Answer:
        """The answer of the first resolver that has one."""
        answer = Answer("not asked", detail="no resolver answers")
        for server in self._speaking(self.resolvers, ".", "NS"):
            answer = self._asker.ask(Question(name, kind, server))
            if answer.says:
                return answer
        raise UnansweredError(f"{name} {kind}: {answer.detail}")

    def _speaking(self, servers: Sequence[Server], zone: str, kind: str) -> tuple[Server, ...]:
        """Those that answer a first question; the others are told once, and have no say."""
        first = [(server, self._asker.start(Question(zone, kind, server))) for server in servers]
        speaking = []
        for server, future in first:
            if reason := _no_say(server, future.result()):
                self._silent.setdefault((server, zone), Silence(server, zone, reason))
            else:
                speaking.append(server)
        return tuple(speaking)


def _no_say(server: Server, first: Answer) -> str:
    """Why a server has no say after its first question; empty where it has one."""
    if not first.says:
        return first.detail
    if server.recursive and first.outcome != "answer":
        # As in a network that answers in place of the world's resolvers, and says no to everything.
        return "it says that the root has no name servers, which no resolver of the world's does"
    return ""


@dataclass(frozen=True, slots=True)
class _Own:
    """What the servers at the end of a chain of aliases say."""

    opinions: list[tuple[Server, Answer]]
    aliased: bool


def _canonical(name: str) -> str | None:
    """The name as questions have it; None where no zone can hold it (RFC 1035 §2.3.4)."""
    try:
        return text_of(dns.name.from_text(name))
    except (dns.exception.DNSException, UnicodeError):
        return None


def _agreed(name: str, kind: str, opinions: Sequence[tuple[Server, Answer]]) -> Answer:
    """The one answer of all; UnansweredError where one has none, or another one."""
    for server, answer in opinions:
        if answer.outcome == "too large":
            raise TooLargeError(f"{name} {kind}: {answer.detail}, and no receiver reads so many")
        if not answer.says:
            raise UnansweredError(f"{name} {kind}, {server}: {answer.detail}")
    (first, answer), *others = opinions
    for server, other in others:
        if _content(other) != _content(answer):
            raise UnansweredError(
                f"{name} {kind}: {first} says {_told(answer)}, {server} says {_told(other)};"
                " wait until caches are over (a TTL), then ask again"
            )
    return answer


def _content(answer: Answer) -> object:
    # Whether a name without records exists makes no difference to anything that is checked here.
    return answer.target if answer.outcome == "alias" else answer.rdatas


def _told(answer: Answer) -> str:
    if answer.outcome == "alias":
        return f"CNAME {answer.target}"
    if not answer.rdatas:
        return "there is none"
    return quoted(" | ".join(rdata.to_text() for rdata in sorted(answer.rdatas)))
