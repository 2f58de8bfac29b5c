"""Fetching a page: the certificate, redirects, sizes, and servers that never come to an end."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from lab.world import certificates
from postroad.dns.check import web
from postroad.dns.check.mta_sts import Page
from postroad.dns.check.said import UnansweredError

HOST, PATH = "mta-sts.shop.example", "/policy.txt"
Talk = Callable[[ssl.SSLSocket], None]


class Web:
    """A web server on loopback that says one thing to everybody."""

    def __init__(self, place: Path, host: str, talk: Talk) -> None:
        authority = certificates.make_authority()
        pem = place / "server.pem"
        pem.write_text(certificates.issue(authority, host))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pem)
        self.client = ssl.create_default_context(
            cadata=authority[authority.index("-----BEGIN CERTIFICATE") :]
        )
        self._talk = talk
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        # A client may leave at any moment, and the test's end closes the listener.
        with suppress(OSError), self._listener:
            plain, _ = self._listener.accept()
            with self.context.wrap_socket(plain, server_side=True) as line:
                line.recv(4096)
                self._talk(line)

    def page(self) -> Page:
        place = ("127.0.0.1", int(self._listener.getsockname()[1]))
        return web.fetched(HOST, PATH, place, self.client)


def answers(head: str, body: str) -> Talk:
    return lambda line: line.sendall(f"HTTP/1.1 {head}\r\n\r\n{body}".encode())


def drips(line: ssl.SSLSocket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(10_000):
        line.sendall(b"x")
        time.sleep(0.02)


def hangs(line: ssl.SSLSocket) -> None:
    line.recv(1)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Talk, str], Web]]:
    with ExitStack() as stack:

        def start(talk: Talk, host: str = HOST) -> Web:
            server = Web(tmp_path, host, talk)
            stack.callback(server._listener.close)
            return server

        yield start


Serve = Callable[..., Web]


def test_a_page_comes_with_its_type(serve: Serve) -> None:
    page = serve(answers("200 OK\r\nContent-Type: text/plain; charset=utf-8", "hello")).page()
    assert page == Page(200, "text/plain", "hello")


def test_a_redirect_is_not_followed(serve: Serve) -> None:
    page = serve(answers("301 Moved\r\nLocation: https://elsewhere.example/", "")).page()
    assert page.status == 301


def test_a_certificate_of_another_name_is_a_fault(serve: Serve) -> None:
    page = serve(answers("200 OK", "hello"), "other.example").page()
    assert "certificate is refused" in page.fault
    assert HOST in page.fault


def test_a_certificate_of_an_unknown_authority_is_a_fault(serve: Serve) -> None:
    server = serve(answers("200 OK", "hello"))
    server.client = ssl.create_default_context()
    assert "certificate is refused" in server.page().fault


def test_more_than_64_kb_are_a_fault(serve: Serve) -> None:
    page = serve(answers("200 OK", "x" * 70_000)).page()
    assert "longer than 65536 octets" in page.fault


@pytest.mark.parametrize("talk", [hangs, drips])
def test_a_server_without_an_end_is_left(
    serve: Serve, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "SECONDS", 0.4)
    began = time.monotonic()
    with pytest.raises(UnansweredError):
        serve(talk).page()
    assert time.monotonic() - began < 3


def test_garbage_is_no_answer(serve: Serve) -> None:
    with pytest.raises(UnansweredError):
        serve(lambda line: line.sendall(b"\xff" * 100)).page()


def test_nobody_there_is_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(UnansweredError, match=HOST):
        web.fetched(HOST, PATH, ("127.0.0.1", port), ssl.create_default_context())
