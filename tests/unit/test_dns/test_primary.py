"""What a primary may answer, over loopback: each trouble has its cause and mend."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rrset
import dns.tsig
import pytest
from dns.message import Message
from dns.name import Name
from dns.rdatatype import MX, SOA, TXT
from dns.update import UpdateMessage

from postroad.dns import primary
from postroad.dns.primary import ChangedError, Primary, PrimaryError
from postroad.settings.model import DnsZone, SecretRef
from postroad.settings.secrets import Secret

SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
KEY = dns.tsig.Key("ours", SECRET, "hmac-sha256")
NAME = dns.name.from_text("shop.example")
# What the server does with a question that it may have understood; None: it hangs.
Answers = Callable[[Message], Message | None]


class Server:
    """A name server of paper on a port of loopback."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        # Ends the accept(2) that the thread may be in.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        for one in (*self._open, self._listening):
            one.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(connection)
            self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        while head := connection.recv(2, socket.MSG_WAITALL):
            wire = connection.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL)
            answer = self._answers(dns.message.from_wire(wire, keyring={KEY.name: KEY}))
            if answer is None:
                return
            sent = answer.to_wire()
            connection.sendall(struct.pack("!H", len(sent)) + sent)


def response(query: Message, *rrsets: dns.rrset.RRset) -> Message:
    """An authoritative answer, signed."""
    made = dns.message.make_response(query)
    made.flags |= dns.flags.AA
    made.answer = list(rrsets)
    return made


def soa(query: Message) -> Message:
    text = "ns.shop.example. hostmaster.shop.example. 1 2 3 4 5"
    return response(query, dns.rrset.from_text(NAME, 60, "IN", "SOA", text))


def saying(rcode: dns.rcode.Rcode) -> Answers:
    """Answers every question with the SOA, and every update with ``rcode``."""

    def answer(query: Message) -> Message:
        if query.opcode() != dns.opcode.UPDATE:
            return soa(query)
        made = response(query)
        made.set_rcode(rcode)
        return made

    return answer


def failing(error: int) -> Answers:
    """Answers with a TSIG error (RFC 8945 §5.2)."""

    def answer(query: Message) -> Message:
        made = dns.message.make_response(query, tsig_error=error)
        made.set_rcode(dns.rcode.NOTAUTH)
        return made

    return answer


@pytest.fixture
def serving() -> Iterator[Callable[[Answers], Primary]]:
    servers = []

    def start(answers: Answers) -> Primary:
        servers.append(Server(answers))
        return primary_at(servers[-1].port)

    yield start
    for server in servers:
        server.close()


def primary_at(port: int, secret: str = SECRET) -> Primary:
    ref = SecretRef("env", ("TSIG",))
    zone = DnsZone("shop.example", ip_address("127.0.0.1"), port, "ours", "hmac-sha256", ref)
    return Primary(zone, Secret(secret))


def some_update() -> UpdateMessage:
    message = UpdateMessage("shop.example.")
    message.add("a.shop.example.", 60, "A", "192.0.2.1")
    return message


Serving = Callable[[Answers], Primary]


def test_what_it_holds_and_what_it_does_not(serving: Serving) -> None:
    def answer(query: Message) -> Message:
        (question,) = query.question
        assert not query.flags & dns.flags.RD
        if question.rdtype == TXT:
            return response(query, dns.rrset.from_text(NAME, 60, "IN", "TXT", '"b"', '"a"'))
        made = soa(query)
        if question.rdtype == MX:
            made = response(query)
            made.set_rcode(dns.rcode.NXDOMAIN)
        return made

    found = serving(answer).look([(NAME, TXT), (NAME, MX)])
    assert {key: [r.to_text() for r in rrset.rdatas] for key, rrset in found.items()} == {
        (NAME, TXT): ['"a"', '"b"']
    }


@pytest.mark.parametrize(
    ("rcode", "told"),
    [
        (dns.rcode.REFUSED, "not allowed to change the zone"),
        (dns.rcode.NOTAUTH, "not the zone's primary"),
        (dns.rcode.SERVFAIL, "the server is in trouble"),
        (dns.rcode.NOTIMP, "takes no dynamic updates"),
        (dns.rcode.FORMERR, "does it take dynamic updates"),
        (dns.rcode.NOTZONE, "not in the zone"),
        (dns.rcode.BADVERS, "its log says why"),
    ],
)
def test_an_update_that_it_does_not_do(serving: Serving, rcode: dns.rcode.Rcode, told: str) -> None:
    with pytest.raises(PrimaryError, match=told) as raised:
        serving(saying(rcode)).change(some_update())
    assert not isinstance(raised.value, ChangedError)


@pytest.mark.parametrize(
    "rcode",
    [dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.YXDOMAIN, dns.rcode.NXDOMAIN],
    ids=dns.rcode.to_text,
)
def test_a_prerequisite_that_failed(serving: Serving, rcode: dns.rcode.Rcode) -> None:
    with pytest.raises(ChangedError, match="changed by somebody else"):
        serving(saying(rcode)).change(some_update())


def test_what_stands_in_the_zone_itself(serving: Serving) -> None:
    assert serving(saying(dns.rcode.NOERROR)).has([(NAME, TXT)]) == {(NAME, TXT)}
    assert serving(saying(dns.rcode.NXRRSET)).has([(NAME, TXT)]) == frozenset()
    with pytest.raises(PrimaryError):
        serving(saying(dns.rcode.REFUSED)).has([(NAME, TXT)])


TOYS, EU = (dns.name.from_text(f"{label}.shop.example") for label in ("toys", "eu"))
WWW = dns.name.from_text("www.shop.example")
STAR = dns.name.from_text("*.shop.example")


def zone(*names: dns.name.Name) -> Answers:
    """A zone with these names, of which each but the apex has an A; a wildcard has an MX alone."""

    def answer(query: Message) -> Message:
        if query.opcode() == dns.opcode.UPDATE:
            made = response(query)
            assert isinstance(query, UpdateMessage)
            (needed,) = query.prerequisite
            if needed.name not in names:
                made.set_rcode(dns.rcode.NXDOMAIN)
            return made
        (question,) = query.question
        if question.rdtype == SOA:
            return soa(query)
        made, at = response(query), question.name
        existing = {n for name in (NAME, *names) for n in (name, name.parent())}
        exists = any(at == n for n in existing)
        if not exists:
            encloser = at.parent()
            while encloser not in existing:
                encloser = encloser.parent()
            if Name((b"*", *encloser.labels)) not in names:
                made.set_rcode(dns.rcode.NXDOMAIN)
            elif question.rdtype == MX:
                made.answer = [dns.rrset.from_text(at, 60, "IN", "MX", "10 office.example.")]
        return made

    return answer


def test_what_a_wildcard_answers_for_names_that_do_not_exist(serving: Serving) -> None:
    asked = [TOYS, EU, WWW]
    assert serving(zone(WWW)).served(asked) == {}
    # eu exists by what is beneath it, without a record of its own.
    found = serving(zone(WWW, STAR, dns.name.from_text("m.eu.shop.example"))).served(asked)
    assert list(found) == [TOYS]
    assert [r.to_text() for rrset in found[TOYS] for r in rrset.rdatas] == ["10 office.example."]
    # A wildcard beneath a name shows that the name exists.
    own = dns.name.from_text("*.toys.shop.example")
    assert serving(zone(WWW, STAR, own)).served([TOYS]) == {}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (dns.rcode.BADKEY, r"BADKEY.*Compare estate\[.*key_name"),
        (dns.rcode.BADSIG, r"BADSIG.*\(environment variable TSIG\)"),
        (dns.rcode.BADTIME, "clocks differ"),
    ],
)
def test_a_key_that_it_does_not_accept(serving: Serving, error: int, told: str) -> None:
    with pytest.raises(PrimaryError, match=told):
        serving(failing(error)).look([])


def test_an_answer_that_is_not_signed_is_not_believed(serving: Serving) -> None:
    def answer(query: Message) -> Message:
        made = soa(query)
        made.tsig = None
        return made

    with pytest.raises(PrimaryError, match="is not properly signed with our TSIG key"):
        serving(answer).look([])


def test_an_answer_of_another_key_is_not_believed(serving: Serving) -> None:
    def answer(query: Message) -> Message:
        made = soa(query)
        made.use_tsig(dns.tsig.Key("ours", "b3RoZXItb3RoZXItb3RoZXI=", "hmac-sha256"))
        return made

    with pytest.raises(PrimaryError, match="is not properly signed with our TSIG key"):
        serving(answer).look([])


def test_a_server_that_has_another_zone(serving: Serving) -> None:
    def answer(query: Message) -> Message:
        made = response(query)
        made.set_rcode(dns.rcode.REFUSED)
        return made

    with pytest.raises(PrimaryError, match=r"does not serve the zone shop.example \(REFUSED\)"):
        serving(answer).look([])


def test_a_name_that_is_delegated(serving: Serving) -> None:
    def answer(query: Message) -> Message:
        made = soa(query)
        if query.question[0].name != NAME:
            made = response(query)
            made.flags &= ~dns.flags.AA
        return made

    below = dns.name.from_text("a.news.shop.example")
    with pytest.raises(PrimaryError, match=r"a.news.shop.example is delegated"):
        serving(answer).look([(below, TXT)])


def test_a_server_that_hangs(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(primary, "SECONDS", 0.05)
    with pytest.raises(PrimaryError, match="did not answer within"):
        serving(lambda query: None).look([])


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(PrimaryError, match="cannot be reached by TCP: Connection refused"):
        primary_at(port).look([])


def test_a_secret_that_is_not_base64_is_told_and_not_shown(serving: Serving) -> None:
    port = serving(soa).zone.port
    with pytest.raises(PrimaryError, match=r"environment variable TSIG\) is not base64") as raised:
        primary_at(port, "geheim").look([])
    assert "geheim" not in str(raised.value)


def test_its_form_for_people_has_no_secret() -> None:
    assert SECRET not in repr(primary_at(1))
