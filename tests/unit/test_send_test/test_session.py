"""A submission as an application does it: what it says, and what it makes of each refusal."""

from __future__ import annotations

# First: see there.
from tests.unit.strange_host import StrangeHost, pyhosts  # isort: skip

import socket
import ssl
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path

import pytest
from paramiko.common import OPEN_FAILED_CONNECT_FAILED, OPEN_SUCCEEDED

from lab.world import certificates
from postroad.roles.run.ask import UnansweredError
from postroad.roles.run.tunnel import connected
from postroad.watch.send_test.letter import Letter
from postroad.watch.send_test.session import Submitted, submit
from tests.unit.test_send_test.server import ID, NAME, PASSWORD, Server

TEXT = b"From: send-test@shop.example\r\nSubject: x\r\n\r\n.a line that begins with a dot\r\n"
LETTER = Letter("3f2a", "bounce@bounce.shop.example", "a@b.example", "me@mail.example", "x", TEXT)
LOOPBACK = ip_address("127.0.0.1")


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tls") / "server.pem"
    place.write_text(certificates.self_signed([NAME], "127.0.0.1"))
    return place


@pytest.fixture(scope="module")
def trusted(pem: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=certificates.certificate(pem.read_text()))


def said(
    pem: Path,
    trusted: ssl.SSLContext,
    replies: Mapping[str, str] | None = None,
    name: str = NAME,
    password: str = PASSWORD,
) -> tuple[Submitted, Server]:
    server = Server(pem, replies or {})
    with server.up() as port, socket.create_connection(("127.0.0.1", port)) as ours:
        return submit(ours, name, trusted, "shop", password, LETTER), server


def test_a_message_is_taken_and_its_queue_id_known(pem: Path, trusted: ssl.SSLContext) -> None:
    found, server = said(pem, trusted)
    assert found == Submitted(ID, "message", f"250 2.0.0 Ok: queued as {ID}")
    assert server.login == f"shop {PASSWORD}"
    verbs = [line.split()[0] for line in server.heard[:6]]
    assert verbs == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT"]
    assert server.heard[4].startswith("MAIL FROM:<bounce@bounce.shop.example>")
    assert server.heard[5] == "RCPT TO:<me@mail.example>"
    assert "..a line that begins with a dot" in server.heard


@pytest.mark.parametrize(
    ("step", "replies", "words"),
    [
        ("connection", {"connect": "421 4.7.0 too many connections"}, "421 4.7.0 too many"),
        ("connection", {"connect": ""}, "it broke: "),
        ("connection", {"EHLO": ""}, "it broke: "),
        ("connection", {"EHLO": "502 5.5.2 no"}, "502 5.5.2 no"),
        ("STARTTLS", {"EHLO": "250 out1.shop.example"}, "the server does not offer it"),
        ("STARTTLS", {"STARTTLS": "454 4.7.0 TLS not available"}, "454 4.7.0 TLS not available"),
        ("login", {"EHLO": "250-a\r\n250 STARTTLS"}, "the server offers no AUTH PLAIN"),
        ("login", {"AUTH": "535 5.7.8 authentication failed"}, "535 5.7.8 authentication failed"),
        ("login", {"AUTH": "454 4.7.0 Try again later"}, "454 4.7.0 Try again later"),
        ("MAIL FROM", {"MAIL": "550 5.7.1 bounces would be lost"}, "550 5.7.1 bounces would"),
        (
            "recipient",
            {"RCPT": "451 4.7.1 marketing is closed: x"},
            "451 4.7.1 marketing is closed",
        ),
        ("message", {"DATA": "554 5.5.1 no valid recipients"}, "554 5.5.1 no valid"),
        ("message", {".": "550-5.7.1 From: must\r\n550 end in"}, "550 5.7.1 From: must end"),
        ("connection", {".": ""}, "it broke: "),
        ("message", {".": "250 2.0.0 thrown away"}, "250 2.0.0 thrown away"),
    ],
)
def test_each_refusal_is_told_by_its_step(
    pem: Path, trusted: ssl.SSLContext, step: str, replies: dict[str, str], words: str
) -> None:
    found, _ = said(pem, trusted, replies)
    assert found.queue_id == ""
    assert found.words.startswith(words), found
    assert found.step == step


def test_a_certificate_is_verified_for_the_name(pem: Path, trusted: ssl.SSLContext) -> None:
    found, server = said(pem, trusted, name="out2.shop.example")
    assert found.step == "certificate"
    assert found.words.startswith("it is not verified for out2.shop.example: Hostname mismatch")
    assert [line.split()[0] for line in server.heard] == ["EHLO", "STARTTLS"]
    found, server = said(pem, ssl.create_default_context())
    assert found.step == "certificate"
    assert "self" in found.words
    assert not any(line.startswith("AUTH") for line in server.heard)


def test_a_password_of_any_octets_is_sent_as_it_is(pem: Path, trusted: ssl.SSLContext) -> None:
    found, _ = said(pem, trusted, password=b"\xff\xfe".decode("utf-8", "surrogateescape"))
    assert found.queue_id == ID


# ---- through the SSH connection ------------------------------------------------------------------


@pytest.fixture
def server(pem: Path) -> Iterator[Server]:
    made = Server(pem)
    with made.up():
        yield made


def through(host: StrangeHost, server: Server, trusted: ssl.SSLContext) -> Submitted:
    host.forwards_to = server.port
    with (
        host.up(),
        pyhosts(host) as (pyhost,),
        connected(pyhost, LOOPBACK, 587) as ours,
    ):
        return submit(ours, NAME, trusted, "shop", PASSWORD, LETTER)


def test_the_host_itself_connects_and_sees_nothing_of_the_login(
    server: Server, trusted: ssl.SSLContext
) -> None:
    host = StrangeHost(forwarding=OPEN_SUCCEEDED)
    assert through(host, server, trusted).queue_id == ID
    assert host.wanted == [("127.0.0.1", 587)]
    assert host.commands == [], "no program is started, so no argument tells anything"


def test_a_door_that_nobody_opens_is_told(server: Server, trusted: ssl.SSLContext) -> None:
    with pytest.raises(ConnectionRefusedError, match=r"nobody answers at 127\.0\.0\.1 port 587"):
        through(StrangeHost(forwarding=OPEN_FAILED_CONNECT_FAILED), server, trusted)


def test_an_sshd_that_forwards_nothing_is_told_with_its_mend(
    server: Server, trusted: ssl.SSLContext
) -> None:
    with pytest.raises(UnansweredError, match="AllowTcpForwarding local"):
        through(StrangeHost(), server, trusted)
