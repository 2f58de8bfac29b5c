"""Mail handed in over lasting connections: an order as JSON on standard input, a time as JSON out.

Every client connects, changes to TLS and logs in; when all of them are ready they begin at once,
each with its share of the messages, the next as soon as the last is accepted. Commands that the
server allows to be sent together are (RFC 2920). The time is when the first message began, in
seconds since the epoch. A refusal ends the run with exit status 1.
"""

import base64
import json
import os
import signal
import socket
import ssl
import sys
import time
from typing import Any

READY, FAILED = b".", b"!"
TIMEOUT = 60


def main(order: dict[str, Any]) -> int:
    """A process for each client; 0 with everything accepted."""
    ready, is_ready = os.pipe()
    gate, open_gate = os.pipe()
    clients = []
    for number in range(order["clients"]):
        pid = os.fork()
        if pid == 0:
            os.close(open_gate)
            os._exit(client(order, number, is_ready, gate))
        clients.append(pid)
    os.close(is_ready)
    for _ in clients:
        if os.read(ready, 1) != READY:
            # The others would wait for the gate for ever.
            for pid in clients:
                os.kill(pid, signal.SIGKILL)
            return 1
    began = time.time()
    os.close(open_gate)
    failed = sum(os.waitpid(pid, 0)[1] != 0 for pid in clients)
    print(json.dumps({"began": began}))
    return 1 if failed else 0


def client(order: dict[str, Any], number: int, is_ready: int, gate: int) -> int:
    """One client's life, in a process of its own; its exit status."""
    try:
        session = Session(order)
    except (OSError, RuntimeError) as error:
        print(f"client {number}: {error}", file=sys.stderr, flush=True)
        os.write(is_ready, FAILED)
        return 1
    try:
        os.write(is_ready, READY)
        os.read(gate, 1)
        for count in range(number, order["count"], order["clients"]):
            session.hand_in(f"{order['run']}-{count}")
        session.say("QUIT", 221)
    except (OSError, RuntimeError) as error:
        print(f"client {number}: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


class Session:
    """A connection to the server, changed to TLS and logged in."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        line = b"x" * 70 + b"\r\n"
        self.body = line * (order["size"] // len(line))
        plain = socket.create_connection((order["host"], order["port"]), timeout=TIMEOUT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open(plain)
        if order["tls"] == "starttls":
            self.reply(220)
            self.say("EHLO app.lab.example", 250)
            self.say("STARTTLS", 220)
            self.open(self.secured(plain))
        else:
            self.open(self.secured(plain))
            self.reply(220)
        self.can_pipeline = "PIPELINING" in self.say("EHLO app.lab.example", 250)
        if order["user"]:
            token = base64.b64encode(f"\0{order['user']}\0{order['password']}".encode())
            self.say(f"AUTH PLAIN {token.decode()}", 235)

    def secured(self, plain: socket.socket) -> ssl.SSLSocket:
        """TLS without a look at the certificate: it is not what is measured."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(plain)

    def open(self, connection: socket.socket) -> None:
        """Talk over *connection* from now on."""
        self.connection = connection
        self.lines = connection.makefile("rb")

    def reply(self, wanted: int) -> str:
        """The next reply, all its lines. RuntimeError where it is another than *wanted*."""
        words = ""
        while True:
            line = self.lines.readline().decode()
            words += line
            if line[3:4] != "-":
                break
        if not words.startswith(str(wanted)):
            raise RuntimeError(f"{words.strip() or 'hung up'} ({wanted} was wanted)")
        return words

    def say(self, command: str, wanted: int) -> str:
        """A command, and the reply to it."""
        self.connection.sendall(f"{command}\r\n".encode())
        return self.reply(wanted)

    def hand_in(self, name: str) -> None:
        """One message. RuntimeError where it is not accepted."""
        to = f"{name}@{self.order['domain']}"
        commands = (
            (f"MAIL FROM:<{self.order['mail_from']}>", 250),
            (f"RCPT TO:<{to}>", 250),
            ("DATA", 354),
        )
        if self.can_pipeline:
            self.connection.sendall("".join(f"{text}\r\n" for text, _ in commands).encode())
            for _, wanted in commands:
                self.reply(wanted)
        else:
            for text, wanted in commands:
                self.say(text, wanted)
        header = self.order["header"].format(name=name, to=to).replace("\n", "\r\n")
        self.connection.sendall(header.encode() + b"\r\n" + self.body + b".\r\n")
        self.reply(250)


if __name__ == "__main__":
    sys.exit(main(json.load(sys.stdin)))
