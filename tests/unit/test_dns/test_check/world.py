"""A small internet without sockets: a table of records, its servers, their troubles."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from ipaddress import ip_address

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from postroad.dns.check.answers import Answer, Question, read
from postroad.dns.check.asking import Asker
from postroad.dns.check.crew import Crew
from postroad.dns.check.names import Names
from postroad.dns.check.run import judged
from postroad.dns.check.said import Said
from postroad.dns.check.verdict import Check, Verdict

RESOLVERS = (ip_address("192.0.2.253"), ip_address("192.0.2.254"))
NS1, NS2 = "203.0.113.1", "203.0.113.2"

Record = tuple[str, str, str]
Trouble = Callable[[Question], Answer | None]

INTERNET: list[Record] = [
    (".", "NS", "ns1.example."),
    ("example", "NS", "ns1.example."),
    ("shop.example", "NS", "ns1.example."),
    ("shop.example", "NS", "ns2.example."),
    ("in-addr.arpa", "NS", "ns1.example."),
    ("ip6.arpa", "NS", "ns1.example."),
    ("ns1.example", "A", NS1),
    ("ns2.example", "A", NS2),
]


def txt(value: str) -> str:
    """TXT rdata of any length."""
    pieces = [value[start : start + 255] for start in range(0, max(len(value), 1), 255)]
    return " ".join('"' + piece.replace('"', '\\"') + '"' for piece in pieces)


class World:
    """Every server holds the whole table; ``trouble`` by address overrides what one says."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.table: dict[tuple[str, str], list[str]] = {}
        for name, kind, rdata in [*INTERNET, *records]:
            self.table.setdefault((name.lower(), kind), []).append(rdata)
        self.trouble: dict[str, Trouble] = {}
        self.delay = 0.0
        self.asked: Counter[Question] = Counter()

    def exchange(self, question: Question, seconds: float) -> Answer:
        """What `postroad.dns.check.ask.exchange` does, without a network."""
        self.asked[question] += 1
        if self.delay:
            time.sleep(self.delay)
        trouble = self.trouble.get(str(question.server.address))
        answer = trouble(question) if trouble else None
        return answer if answer is not None else read(question, self.message(question))

    def message(self, question: Question) -> dns.message.Message:
        """The message of a server that works, as it comes over the wire."""
        return dns.message.from_wire(self._message(question).to_wire())

    def _message(self, question: Question) -> dns.message.Message:
        message = dns.message.make_response(
            dns.message.make_query(dns.name.from_text(question.name), question.kind)
        )
        message.flags |= dns.flags.AA
        name = question.name
        for _ in range(20):
            if self._add(message, name, question.kind):
                return message
            target = self.table.get((name, "CNAME"))
            if target is None:
                break
            self._add(message, name, "CNAME")
            name = target[0].rstrip(".")
            if not question.server.recursive and self.apex(name) != self.apex(question.name):
                return message
        if not any(known == name or known.endswith(f".{name}") for known, _ in self.table):
            message.set_rcode(dns.rcode.NXDOMAIN)
        soa = "ns1.example. hostmaster.example. 1 3600 600 86400 1"
        apex = self.apex(name)
        owner = apex if apex == "." else f"{apex}."
        message.authority.append(dns.rrset.from_text(owner, 60, "IN", "SOA", soa))
        return message

    def _add(self, message: dns.message.Message, name: str, kind: str) -> bool:
        rdatas = self.table.get((name, kind))
        if rdatas:
            owner = name if name == "." else f"{name}."
            message.answer.append(dns.rrset.from_text_list(owner, 60, "IN", kind, rdatas))
        return bool(rdatas)

    def apex(self, name: str) -> str:
        while (name, "NS") not in self.table and name != ".":
            name = name.partition(".")[2] or "."
        return name

    def ask(self, name: str, kind: str) -> Said:
        """What all sources agree on."""
        return self.names(Crew(8)).ask(name, kind)

    def names(self, crew: Crew) -> Names:
        asker = Asker(self.exchange, crew, time.monotonic() + 20, time.monotonic)
        return Names(asker, RESOLVERS)

    def judge(self, *checks: Check) -> list[Verdict]:
        """The verdicts, as the command gets them."""
        return judged(checks, RESOLVERS, self.exchange)

    @property
    def questions(self) -> int:
        return sum(self.asked.values())


def silent(question: Question) -> Answer:
    return Answer("timeout", detail="no answer in time")


def refusing(question: Question) -> Answer:
    return Answer("refused", detail="it refuses the question")


def only(name: str, kind: str, trouble: Callable[[Question], Answer]) -> Trouble:
    """Trouble with one question alone."""
    return lambda q: trouble(q) if (q.name, q.kind) == (name, kind) else None


def lying(*lies: Record) -> Trouble:
    """A server that has its own idea of some names."""
    liar = World(lies)
    told = {(name, kind) for name, kind, _ in lies}
    return lambda q: read(q, liar.message(q)) if (q.name, q.kind) in told else None
