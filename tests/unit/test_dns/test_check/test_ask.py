"""The edge against real servers on loopback: right ones, slow ones, and hostile ones."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_address

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from postroad.dns.check.answers import Answer, Question, Server
from postroad.dns.check.ask import TRIES, exchange

# What a server does with a query: the octets of its answer, or None for silence.
Habit = Callable[[bytes], bytes | None]
SECONDS = 0.3


def sockets() -> tuple[socket.socket, socket.socket] | None:
    """One for UDP and one for TCP at the same port; None where somebody has that one for TCP."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    streams = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    datagrams.bind(("127.0.0.1", 0))
    try:
        streams.bind(datagrams.getsockname())
    except OSError:
        datagrams.close()
        streams.close()
        return None
    return datagrams, streams


class Loopback:
    """A name server with a habit for UDP and another one for TCP."""

    def __init__(self, udp: Habit, tcp: Habit) -> None:
        self._habits = {socket.SOCK_DGRAM: udp, socket.SOCK_STREAM: tcp}
        self._datagrams, self._streams = next(filter(None, iter(sockets, 0)))
        self.port = self._datagrams.getsockname()[1]
        self._streams.listen()
        self.heard = 0

    def __enter__(self) -> Loopback:
        for work in (self._answer_datagrams, self._answer_streams):
            threading.Thread(target=work, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._datagrams, self._streams):
            one.close()

    def _answer_datagrams(self) -> None:
        while True:
            try:
                query, sender = self._datagrams.recvfrom(4096)
            except OSError:
                return
            self.heard += 1
            answer = self._habits[socket.SOCK_DGRAM](query)
            if answer is not None:
                self._datagrams.sendto(answer, sender)

    def _answer_streams(self) -> None:
        kept = ExitStack()
        with kept:
            while True:
                try:
                    line, _ = self._streams.accept()
                except OSError:
                    return
                kept.enter_context(line)
                query = line.recv(4096)
                answer = self._habits[socket.SOCK_STREAM](query[2:])
                if answer is not None:
                    line.sendall(struct.pack("!H", len(answer)) + answer)

    def ask(self, kind: str = "TXT") -> Answer:
        server = Server(ip_address("127.0.0.1"), self.port)
        return exchange(Question("shop.example", kind, server), SECONDS)


def says(text: str) -> Habit:
    def habit(query: bytes) -> bytes:
        message = dns.message.make_response(dns.message.from_wire(query))
        pieces = " ".join(f'"{text[n : n + 255]}"' for n in range(0, len(text), 255))
        message.answer.append(dns.rrset.from_text("shop.example.", 60, "IN", "TXT", pieces))
        return message.to_wire(max_size=65535)

    return habit


def code(rcode: dns.rcode.Rcode) -> Habit:
    def habit(query: bytes) -> bytes:
        message = dns.message.make_response(dns.message.from_wire(query))
        message.set_rcode(rcode)
        return message.to_wire()

    return habit


def cut_off(query: bytes) -> bytes:
    message = dns.message.make_response(dns.message.from_wire(query))
    message.flags |= dns.flags.TC
    return message.to_wire()


def hang(query: bytes) -> None:
    return None


def garbage(query: bytes) -> bytes:
    return query[:2] + b"\x80\x00" + b"\xff" * 40


def short(query: bytes) -> bytes:
    return query[:3]


def other_id(query: bytes) -> bytes:
    return bytes([query[0] ^ 0xFF]) + says("lie")(query)[1:]  # type: ignore[index]


def compressed_in_a_circle(query: bytes) -> bytes:
    return query[:2] + b"\x84\x00\x00\x01\x00\x01\x00\x00\x00\x00" + b"\xc0\x0c" * 20


@pytest.fixture
def serve() -> Iterator[Callable[[Habit, Habit], Loopback]]:
    with ExitStack() as stack:
        yield lambda udp, tcp: stack.enter_context(Loopback(udp, tcp))


@pytest.mark.parametrize(
    ("udp", "tcp", "outcome"),
    [
        (says("hello"), hang, "answer"),
        (cut_off, says("x" * 5000), "answer"),
        (cut_off, says("x" * 60_000), "too large"),
        (cut_off, hang, "truncated"),
        (cut_off, garbage, "truncated"),
        (hang, says("hello"), "timeout"),
        (garbage, hang, "malformed"),
        (short, hang, "malformed"),
        (other_id, hang, "malformed"),
        (compressed_in_a_circle, hang, "malformed"),
        (code(dns.rcode.REFUSED), hang, "refused"),
        (code(dns.rcode.SERVFAIL), hang, "servfail"),
        (code(dns.rcode.NOTIMP), hang, "servfail"),
        (code(dns.rcode.NXDOMAIN), hang, "nxdomain"),
        (code(dns.rcode.NOERROR), hang, "nodata"),
    ],
)
def test_every_server_has_an_outcome_in_bounded_time(
    serve: Callable[[Habit, Habit], Loopback], udp: Habit, tcp: Habit, outcome: str
) -> None:
    began = time.monotonic()
    answer = serve(udp, tcp).ask()
    assert answer.outcome == outcome
    assert time.monotonic() - began < SECONDS * (TRIES + 1) + 1
    assert answer.detail or answer.says


def test_a_lost_answer_is_asked_for_once_more(
    serve: Callable[[Habit, Habit], Loopback],
) -> None:
    queries = []

    def second_time(query: bytes) -> bytes | None:
        queries.append(query)
        return says("hello")(query) if len(queries) > 1 else None

    server = serve(second_time, hang)
    assert server.ask().outcome == "answer"
    assert server.heard == 2


def test_a_silent_server_is_asked_twice_and_no_more(
    serve: Callable[[Habit, Habit], Loopback],
) -> None:
    server = serve(hang, hang)
    assert server.ask().outcome == "timeout"
    assert server.heard == TRIES


def test_nobody_there_is_not_silence() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(ip_address("127.0.0.1"), port)
    answer = exchange(Question("shop.example", "TXT", server), SECONDS)
    assert answer.outcome in ("unreachable", "timeout")
    assert not answer.says
