"""How long a full check of the names takes: python -m benchmarks.dns_check

An estate of 10 sending domains and 4 ways out that declares all that names can have. Asked are
three resolvers, as by default, and two name servers for each zone: five on loopback, in a process
of their own, that let every answer wait for 50 ms; so does the web server. Each host has signed a
probe for each domain.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from multiprocessing import Process, Value

import dkim
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from postroad.dns.check.answers import Answer, Question, Server
from postroad.dns.check.ask import exchange
from postroad.dns.check.checks import Facts, checks
from postroad.dns.check.mta_sts import Page
from postroad.dns.check.run import judged
from postroad.dns.check.signature import Probe
from postroad.dns.dkim import LiveKey
from postroad.dns.mta_sts import policy
from postroad.dns.records import LiveCertificate, derive
from postroad.settings.model import Address, Estate, StreamName
from postroad.settings.read import read

DELAY = 0.05
GOAL = 3.0
PORT = 15453
DIGEST = "ab" * 32
RECEIPTS = [f"brand{number}.shop.example" for number in range(5)]
CAMPAIGNS = [f"brand{number}.news.example" for number in range(5)]
RESOLVERS = tuple(IPv4Address(f"127.0.0.{number}") for number in (1, 2, 3))
NAME_SERVERS = {
    "ns1.shop.example": IPv4Address("127.0.0.4"),
    "ns2.shop.example": IPv4Address("127.0.0.5"),
}
PARENTS = ("shop.example", "news.example")
# Each domain is a zone of its own, as of different owners.
APEX = (
    *(".", "in-addr.arpa", "ip6.arpa", "example"),
    *PARENTS,
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
            "tls": {"source": "acme"},
            "dmarc": {"reports": "dmarc@shop.example"},
            "mta_sts": {"mode": "enforce", "web_host": "www.shop.example"},
            "tls_reports": "tls@shop.example",
            "unsubscribe": {
                "hostname": "unsubscribe.news.example",
                "web_host": "www.shop.example",
            },
            "dns": {"resolvers": [str(address) for address in RESOLVERS]},
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


@dataclass(frozen=True)
class Signer:
    """The key of a host for a stream and domain."""

    host: str
    stream: StreamName
    domain: str
    private: RSAPrivateKey

    @property
    def selector(self) -> str:
        return f"202611-{self.host}"

    @property
    def live(self) -> LiveKey:
        """What belongs in the DNS of it."""
        public = self.private.public_key()
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        encoded = b64encode(der).decode()
        return LiveKey(self.host, self.stream, self.domain, self.selector, encoded)

    @property
    def probe(self) -> Probe:
        """A message that it has signed."""
        message = f"From: probe@{self.domain}\r\nSubject: a probe\r\n\r\nA probe.\r\n".encode()
        pem = self.private.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
        signature = dkim.sign(message, self.selector.encode(), self.domain.encode(), pem)
        return Probe(self.host, self.stream, self.domain, "signed", signature + message)


def signers(of: Estate) -> tuple[Signer, ...]:
    """One for every host, stream and domain."""
    return tuple(
        Signer(host.name, stream.name, domain, generate_private_key(65537, 2048))
        for host in of.hosts
        for stream, _ in of.streams_of(host)
        for domain in stream.from_domains
    )


def facts(of: Iterable[Signer]) -> Facts:
    """What the hosts tell."""
    known = tuple(of)
    served = tuple(LiveCertificate(host, DIGEST) for host in ("mail1", "mail2"))
    return Facts(
        keys=tuple(signer.live for signer in known),
        silent=(),
        served=served,
        probes=tuple(signer.probe for signer in known),
    )


def table(of: Estate, told: Facts) -> Table:
    """All records of the estate, and the zones that they are in."""
    rows: list[tuple[str, str, str]] = [
        (record.owner, record.type, record.data) for record in derive(of, told.keys, told.served)
    ]
    rows += [(apex, "NS", f"{server}.") for apex in APEX for server in NAME_SERVERS]
    rows += [(server, "A", str(address)) for server, address in NAME_SERVERS.items()]
    rows += [("shop.example", "MX", "10 mail1.shop.example.")]
    rows += [("www.shop.example", "A", "198.51.100.80")]
    # The brands are parts of two organizations.
    rows += [(f"_dmarc.{parent}", "TXT", '"v=DMARC1; p=none"') for parent in PARENTS]
    rows += [(f"{d}._report._dmarc.shop.example", "TXT", '"v=DMARC1"') for d in CAMPAIGNS]
    found: Table = {}
    for owner, kind, rdata in rows:
        found.setdefault((owner, kind), []).append(rdata)
    return found


class SlowServers:
    """Answer by UDP from a table, each answer DELAY seconds late; each server has an address."""

    def __init__(self, records: Table) -> None:
        self._records = records
        self._sockets = [self._open(address) for address in (*RESOLVERS, *NAME_SERVERS.values())]
        self._heard = Value("i", 0)
        # Of its own, so that the check has the interpreter for itself.
        self._process = Process(target=self._serve_all, daemon=True)
        self._process.start()

    @property
    def heard(self) -> int:
        """How many questions there were."""
        return int(self._heard.value)

    def stop(self) -> None:
        """Not needed any more."""
        self._process.kill()
        self._process.join()
        for each in self._sockets:
            each.close()

    def _open(self, address: IPv4Address) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        opened.bind((str(address), PORT))
        return opened

    def _serve_all(self) -> None:
        threads = [threading.Thread(target=self._serve, args=(each,)) for each in self._sockets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _serve(self, door: socket.socket) -> None:
        while True:
            query, sender = door.recvfrom(4096)
            answer = self._answer(dns.message.from_wire(query))
            with self._heard.get_lock():
                self._heard.value += 1
            threading.Timer(DELAY, door.sendto, (answer, sender)).start()

    def _answer(self, query: dns.message.Message) -> bytes:
        message = dns.message.make_response(query)
        message.flags |= dns.flags.AA
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True)
        kind = dns.rdatatype.to_text(question.rdtype)
        for _ in range(2):
            found = self._records.get((name, kind))
            alias = self._records.get((name, "CNAME"))
            if found:
                message.answer.append(_rrset(name, kind, found))
                break
            if alias is None:
                message.authority.append(_soa(name))
                break
            message.answer.append(_rrset(name, "CNAME", alias))
            name = alias[0].rstrip(".")
        return message.to_wire()


def _rrset(name: str, kind: str, rdatas: list[str]) -> dns.rrset.RRset:
    return dns.rrset.from_text_list(dns.name.from_text(name), 60, "IN", kind, rdatas)


def _soa(name: str) -> dns.rrset.RRset:
    apex = max((a for a in APEX if a == "." or f".{name}".endswith(f".{a}")), key=len)
    soa = "ns1.shop.example. hostmaster.shop.example. 1 3600 600 86400 1"
    return dns.rrset.from_text(dns.name.from_text(apex), 60, "IN", "SOA", soa)


def _at_our_port(question: Question, seconds: float) -> Answer:
    server = Server(question.server.address, PORT, question.server.recursive)
    return exchange(Question(question.name, question.kind, server), seconds)


def _slow_web(declared: Estate, host: str, path: str, address: Address) -> Page:
    assert declared.mta_sts is not None
    time.sleep(DELAY)
    return Page(200, "text/plain", policy(declared, declared.mta_sts))


def rounds(number: int) -> Iterable[tuple[float, int, int]]:
    """Seconds, checks and questions of each round."""
    declared = estate()
    told = facts(signers(declared))
    for _ in range(number):
        servers = SlowServers(table(declared, told))
        wanted = checks(declared, told, partial(_slow_web, declared))
        began = time.perf_counter()
        verdicts = judged(wanted, declared.dns.resolvers, _at_our_port)
        seconds = time.perf_counter() - began
        heard = servers.heard
        servers.stop()
        bad = [verdict for verdict in verdicts if verdict.verdict != "ok"]
        if bad:
            raise SystemExit(f"dns_check: not all is well: {bad[0]}")
        yield seconds, len(verdicts), heard


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
