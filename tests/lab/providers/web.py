"""A proxy through which a program reaches stand-ins by the names of what they stand in for."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from lab.world.certificates import self_signed


@dataclass(frozen=True, slots=True)
class Request:
    """What a program asks: ``query`` is decoded, ``target`` is path and query as sent."""

    method: str
    target: str
    headers: Message
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Reply:
    """What it is answered."""

    status: int
    kind: str
    body: bytes


class StandIn(Protocol):
    """What answers in the place of a provider."""

    @property
    def name(self) -> str:
        """The host name that it is reached by."""

    def answer(self, request: Request) -> Reply:
        """Answer one request."""


@dataclass
class Door:
    """Where programs come in: the proxy's address, the authority to trust, what was asked."""

    url: str
    authority: Path
    asked: list[Request] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """What has requests and botocore go through it, and believe it."""
        trusted = ("REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE")
        return {"HTTPS_PROXY": self.url, **dict.fromkeys(trusted, str(self.authority))}


@contextmanager
def door(stand_in: StandIn, folder: Path) -> Iterator[Door]:
    """The door to ``stand_in``, open until the end; ``folder`` takes its certificate."""
    chain = folder / "door.pem"
    chain.write_text(self_signed([stand_in.name], "127.0.0.1"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    opened = Door(f"http://127.0.0.1:{server.server_port}", chain)
    # http.server makes a handler a connection, and hands over nothing but the server.
    server.door, server.stand_in, server.context = opened, stand_in, context  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield opened
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def do_CONNECT(self) -> None:
        """RFC 9110 §9.3.6: from here on the connection is the stand-in's."""
        if self.path != f"{self.server.stand_in.name}:443":
            self.send_error(502, f"nobody else is reached here: {self.path}")
            return
        self.send_response(200)
        self.end_headers()
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)
        self.close_connection = False

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(self.command, self.path, self.headers, self.rfile.read(length))
        self.server.door.asked.append(request)
        reply = self.server.stand_in.answer(request)
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815  http.server finds them so

    def log_message(self, *arguments: object) -> None:
        """Nothing: what was asked is kept."""
