"""A host that answers strangely: an sshd of our own on loopback, whose shell is sh(1)."""

from __future__ import annotations

import logging
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import gevent  # type: ignore[import-untyped]
import gevent.event  # type: ignore[import-untyped]
import paramiko

# First: it makes sockets cooperative, paramiko's among them.
import pyinfra_cli  # type: ignore[import-untyped]  # noqa: F401
from paramiko.common import (
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_FAILED_CONNECT_FAILED,
    OPEN_SUCCEEDED,
)
from pyinfra.api.config import Config
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State
from pyinfra.context import ctx_host, ctx_state

# As `postroad.roles.run.pyinfra_words.guard` does.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

KEY = paramiko.ECDSAKey.generate()

# What the host does with the command of a session.
Shell = Callable[["StrangeHost", paramiko.Channel, bytes], None]


def obeys(host: StrangeHost, channel: paramiko.Channel, command: bytes) -> None:
    """Run it as the account's shell would, and say what ~/.bashrc says before."""
    channel.sendall(host.greeting)
    channel.sendall_stderr(host.greeting)
    given = b"".join(iter(lambda: channel.recv(1 << 16), b""))
    done = subprocess.run(["sh", "-c", command], input=given, capture_output=True, check=False)
    channel.sendall(done.stdout)
    channel.sendall_stderr(done.stderr)
    channel.send_exit_status(done.returncode)
    if not host.lingers:
        channel.close()


@dataclass
class StrangeHost:
    """``sessions`` is its MaxSessions; ``lingers`` whether a session stays open at its end.

    ``session_ends`` is how many seconds a session counts when it has ended; a host that
    ``is_frozen`` answers nothing any more.
    """

    shell: Shell = obeys
    greeting: bytes = b""
    sessions: int = 10
    lingers: bool = False
    takes_commands: bool = True
    session_ends: float = 0
    is_frozen: gevent.event.Event = field(default_factory=gevent.event.Event)
    open: int = 0
    most: int = 0
    commands: list[bytes] = field(default_factory=list)
    transports: list[paramiko.Transport] = field(default_factory=list)
    port: int = 0
    #: What it answers who wants a connection of its own (RFC 4254 7.2), and where those lead to.
    forwarding: int = OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
    forwards_to: int = 0
    wanted: list[tuple[str, int]] = field(default_factory=list)

    @contextmanager
    def up(self) -> Iterator[StrangeHost]:
        """It listens as long as the block lasts."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            serving = gevent.spawn(self._serve, listener)
            try:
                yield self
            finally:
                serving.kill()
                for transport in self.transports:
                    transport.close()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            transport = paramiko.Transport(connection)
            transport.add_server_key(KEY)
            self.transports.append(transport)
            server = _Server(self)
            transport.start_server(server=server, event=gevent.event.Event())
            if self.forwards_to:
                gevent.spawn(self._forward, transport, server)

    def _forward(self, transport: paramiko.Transport, server: _Server) -> None:
        """Lead each connection that was allowed to the port, both ways."""
        while transport.is_active():
            channel = transport.accept(0.1)
            if channel is not None and channel.chanid in server.forwarded:
                end = socket.create_connection(("127.0.0.1", self.forwards_to))
                gevent.spawn(_carry, channel.recv, end.sendall, lambda e=end: e.shutdown(1))
                gevent.spawn(_carry, end.recv, channel.sendall, channel.shutdown_write)


def _carry(take: Callable[[int], bytes], give: Any, end: Callable[[], object]) -> None:
    with suppress(OSError, EOFError):
        while octets := take(1 << 14):
            give(octets)
        end()


class _Server(paramiko.ServerInterface):
    def __init__(self, host: StrangeHost) -> None:
        self.host = host
        self.forwarded: set[int] = set()

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        self.host.wanted.append(destination)
        if self.host.forwarding == OPEN_SUCCEEDED:
            self.forwarded.add(chanid)
        return self.host.forwarding

    def check_auth_password(self, username: str, password: str) -> int:
        return AUTH_SUCCESSFUL

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        if self.host.open >= self.host.sessions:
            return OPEN_FAILED_CONNECT_FAILED  # As OpenSSH has it.
        self.host.open += 1
        self.host.most = max(self.host.most, self.host.open)
        return OPEN_SUCCEEDED

    def check_global_request(self, kind: str, msg: paramiko.Message) -> bool:
        if self.host.is_frozen.is_set():
            gevent.event.Event().wait()  # paramiko reads all that comes in this thread.
        return False

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.host.commands.append(command)
        if self.host.takes_commands:
            gevent.spawn(self._run, channel, command)
        return self.host.takes_commands

    def _run(self, channel: paramiko.Channel, command: bytes) -> None:
        with suppress(OSError, EOFError):  # Whoever asked has left.
            self.host.shell(self.host, channel, command)
        while not channel.closed:
            gevent.sleep(0.01)
        gevent.sleep(self.host.session_ends)
        self.host.open -= 1


@contextmanager
def pyhosts(*hosts: StrangeHost, **data: Any) -> Iterator[list[Host]]:
    """pyinfra's view of these hosts, none of them connected yet."""
    own = {
        "ssh_hostname": "127.0.0.1",
        "ssh_user": "root",
        "ssh_password": "x",
        "ssh_strict_host_key_checking": "off",
        "ssh_known_hosts_file": "/dev/null",
        **data,
    }
    named = [(f"mail{n}", {**own, "ssh_port": host.port}) for n, host in enumerate(hosts, 1)]
    inventory = Inventory((named, {}))
    state = State()
    state.init(inventory, Config())
    with ctx_state.use(state):
        found = list(inventory)
        with ctx_host.use(found[0]):
            yield found
