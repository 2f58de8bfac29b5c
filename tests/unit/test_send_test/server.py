"""A submission server of our own on loopback: Postfix's answers, or any other at a step."""

from __future__ import annotations

import base64
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import gevent  # type: ignore[import-untyped]

NAME = "out1.shop.example"
PASSWORD = "köpfe, 12%"
ID = "4cjWzF6Xb5z5tF"
GOOD = {
    "connect": "220 out1.shop.example ESMTP",
    "EHLO": "250-out1.shop.example\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN",
    "STARTTLS": "220 2.0.0 Ready to start TLS",
    "AUTH": "235 2.7.0 Authentication successful",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 End data with <CR><LF>.<CR><LF>",
    ".": f"250 2.0.0 Ok: queued as {ID}",
    "QUIT": "221 2.0.0 Bye",
}


@dataclass
class Server:
    """``pem`` is its key and certificate; ``replies`` are those that are not `GOOD`'s."""

    pem: Path
    replies: Mapping[str, str] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    port: int = 0

    @contextmanager
    def up(self) -> Iterator[int]:
        """Its port, as long as the block lasts."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            serving = gevent.spawn(self._serve, listener)
            try:
                yield self.port
            finally:
                serving.kill()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            with suppress(OSError):
                self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        connection = self._say(connection, "connect")
        lines = connection.makefile("rb")
        while raw := lines.readline():
            verb, *rest = raw.decode().rstrip("\r\n").split(" ", 1)
            verb = verb.upper()
            self.heard.append(" ".join([verb, *rest]))
            connection = self._say(connection, verb)
            if verb == "STARTTLS":
                lines = connection.makefile("rb")
            if verb == "DATA" and self._reply("DATA").startswith("354"):
                while (raw := lines.readline()) not in (b".\r\n", b""):
                    self.heard.append(raw.decode().rstrip("\r\n"))
                self._say(connection, ".")

    def _reply(self, step: str) -> str:
        return {**GOOD, **self.replies}.get(step, "502 5.5.2 no")

    def _say(self, connection: socket.socket, step: str) -> socket.socket:
        reply = self._reply(step)
        if not reply:
            connection.shutdown(socket.SHUT_RDWR)
            return connection
        connection.sendall(f"{reply}\r\n".encode())
        if step != "STARTTLS" or not reply.startswith("220"):
            return connection
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem)
        return context.wrap_socket(connection, server_side=True)

    @property
    def login(self) -> str:
        """What AUTH PLAIN said, its parts parted by spaces."""
        (said,) = (line for line in self.heard if line.startswith("AUTH PLAIN "))
        return base64.b64decode(said.split()[2]).decode().replace("\0", " ").strip()
