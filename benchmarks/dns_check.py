"""How long a full check of the names takes: python -m benchmarks.dns_check

An estate of 10 sending domains and 4 ways out, all of its records in one name server on loopback
that lets every answer wait for 50 ms. The server is resolver and authority in one, so the number of
questions is that of the real world with one resolver and one name server a zone.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterable
from functools import partial
from hashlib import sha256
from ipaddress import IPv4Address

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from postroad.dns.check.answers import Answer, Question, Server
from postroad.dns.check.ask import exchange
from postroad.dns.check.checks import Facts, checks
from postroad.dns.check.mta_sts import Page
from postroad.dns.check.run import judged
from postroad.dns.check.said import UnansweredError
from postroad.dns.dkim import LiveKey
from postroad.dns.records import derive
from postroad.settings.model import Address, Estate
from postroad.settings.read import read

DELAY = 0.05
GOAL = 3.0
RECEIPTS = [f"brand{number}.shop.example" for number in range(5)]
CAMPAIGNS = [f"brand{number}.news.example" for number in range(5)]
HERE = IPv4Address("127.0.0.1")
# Each domain is a zone of its own, as of different owners.
APEX = (
    *(".", "in-addr.arpa", "ip6.arpa", "example", "shop.example", "news.example"),
    *RECEIPTS,
    *CAMPAIGNS,
)

Table = dict[tuple[str, str], list[str]]


def estate() -> Estate:
    """Two hosts, each with two ways out in both families."""
    return read(
        {
            "admin": {"email": "ops@shop.example", "networks": ["198.51.100.0/24"]},
            "hosts": {f"mail{n}": _host(n) for n in (1, 2)},
            "streams": {
                "transactional": _stream(RECEIPTS, "shop.example"),
                "marketing": _stream(CAMPAIGNS, "news.example"),
            },
            "tls": {"source": "none"},
            "dmarc": {"reports": "dmarc@shop.example"},
            "dns": {"resolvers": [str(HERE)]},
        },
        "the benchmark",
    )


def _host(number: int) -> dict[str, object]:
    def place(last: int) -> dict[str, str]:
        return {"ipv4": f"192.0.2.{number}{last}", "ipv6": f"2001:db8::{number}{last}"}

    return {
        "hostname": f"mail{number}.shop.example",
        **place(1),
        "ways_out": {
            "transactional": {**place(2), "helo": f"out{number}.shop.example"},
            "marketing": {**place(3), "helo": f"news{number}.shop.example"},
        },
    }


def _stream(domains: list[str], envelope_domain: str) -> dict[str, object]:
    # Nobody ever logs in: the hash is of no password.
    nobody = "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$" + "A" * 22 + "$" + "A" * 43
    return {
        "from_domains": domains,
        "envelope_domain": envelope_domain,
        "clients": ["198.51.100.0/24"],
        "users": {f"user-{envelope_domain}": {"passwords": [nobody]}},
    }


def keys(of: Estate) -> tuple[LiveKey, ...]:
    """A key for every host, stream and domain; nothing is signed with them."""
    return tuple(
        LiveKey(
            host=host.name,
            stream=stream.name,
            domain=domain,
            selector=f"202611-{host.name}",
            public_key_base64=b64encode(sha256(f"{host.name} {domain}".encode()).digest()).decode(),
        )
        for host in of.hosts
        for stream, _ in of.streams_of(host)
        for domain in stream.from_domains
    )


def table(of: Estate) -> Table:
    """All records of the estate, and the zones that they are in."""
    rows: list[tuple[str, str, str]] = [
        (record.owner, record.type, record.data) for record in derive(of, keys(of))
    ]
    rows += [(apex, "NS", "ns.shop.example.") for apex in APEX]
    rows += [("ns.shop.example", "A", str(HERE)), ("shop.example", "MX", "10 mail1.shop.example.")]
    rows += [(f"{d}._report._dmarc.shop.example", "TXT", '"v=DMARC1"') for d in CAMPAIGNS]
    found: Table = {}
    for owner, kind, rdata in rows:
        found.setdefault((owner, kind), []).append(rdata)
    return found


class SlowServer:
    """Answers by UDP from a table, each answer DELAY seconds late."""

    def __init__(self, records: Table) -> None:
        self._records = records
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind((str(HERE), 0))
        self.port: int = self._socket.getsockname()[1]
        self.heard = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            query, sender = self._socket.recvfrom(4096)
            self.heard += 1
            answer = self._answer(dns.message.from_wire(query))
            threading.Timer(DELAY, self._socket.sendto, (answer, sender)).start()

    def _answer(self, query: dns.message.Message) -> bytes:
        message = dns.message.make_response(query)
        message.flags |= dns.flags.AA
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True)
        kind = dns.rdatatype.to_text(question.rdtype)
        found = self._records.get((name, kind))
        if found:
            message.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, found))
        else:
            message.authority.append(_soa(name))
        return message.to_wire()


def _soa(name: str) -> dns.rrset.RRset:
    apex = max((a for a in APEX if a == "." or f".{name}".endswith(f".{a}")), key=len)
    soa = "ns.shop.example. hostmaster.shop.example. 1 3600 600 86400 1"
    return dns.rrset.from_text(dns.name.from_text(apex), 60, "IN", "SOA", soa)


def _at(port: int, question: Question, seconds: float) -> Answer:
    server = Server(question.server.address, port, question.server.recursive)
    return exchange(Question(question.name, question.kind, server), seconds)


def _no_web(host: str, path: str, address: Address) -> Page:
    raise UnansweredError(f"https://{host}{path}: there is no web here")


def rounds(number: int) -> Iterable[tuple[float, int, int]]:
    """Seconds, checks and questions of each round."""
    declared = estate()
    for _ in range(number):
        server = SlowServer(table(declared))
        wanted = checks(declared, Facts(keys(declared), ()), _no_web)
        began = time.perf_counter()
        verdicts = judged(wanted, declared.dns.resolvers, partial(_at, server.port))
        seconds = time.perf_counter() - began
        wrong = [verdict for verdict in verdicts if verdict.verdict == "unknown"]
        if wrong:
            raise SystemExit(f"dns_check: not every question was answered: {wrong[0]}")
        yield seconds, len(verdicts), server.heard


def main() -> int:
    """0 where every round is within the goal."""
    slowest = 0.0
    for seconds, verdicts, questions in rounds(3):
        slowest = max(slowest, seconds)
        print(
            f"{verdicts} verdicts from {questions} questions, each answered after"
            f" {DELAY * 1000:.0f} ms: {seconds:.2f} s ({questions * DELAY / seconds:.0f} at a time)"
        )
    print(f"goal {GOAL:.0f} s: {'met' if slowest <= GOAL else 'missed'}")
    return 0 if slowest <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
