"""The edge: a connection to a host's own submission, through the SSH connection that is there.

From the host, and not from the operator's machine: the firewall admits the applications' networks
alone, and an operator is seldom in one. The session within is encrypted from here to the daemon, so
that sshd sees as little of login and message as any router does. What is not tested this way is the
path from an application's network; the audit looks at its rules.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent  # type: ignore[import-untyped]
from paramiko import Channel, ChannelException, SSHException
from pyinfra.api.host import Host
from pyinfra.connectors.local import LocalConnector
from pyinfra.connectors.ssh import SSHConnector

# First of all: see `postroad.roles.run.ask`.
from postroad.roles.run.ask import UnansweredError, connect
from postroad.settings.model import Address
from postroad.settings.terminal import line

#: For a connection between two sockets of one host, and the way there, in seconds.
CONNECT = 15
_AT_ONCE = 16384
# RFC 4254 5.1.
_PROHIBITED, _CONNECT_FAILED = 1, 2


@contextmanager
def connected(pyhost: Host, address: Address, port: int) -> Iterator[socket.socket]:
    """A socket whose other end is ``port`` of the host's ``address``, while the block lasts.

    UnansweredError where no such connection can be asked for; ConnectionRefusedError where nobody
    listens there.
    """
    if isinstance(pyhost.connector, LocalConnector):
        with socket.create_connection((str(address), port), CONNECT) as direct:
            yield direct
        return
    channel = _channel(pyhost, address, port)
    ours, theirs = socket.socketpair()
    carriers = [
        gevent.spawn(_carried, channel.recv, theirs.sendall, lambda: theirs.shutdown(1)),
        gevent.spawn(_carried, theirs.recv, channel.sendall, channel.shutdown_write),
    ]
    try:
        yield ours
    finally:
        ours.close()
        channel.close()
        gevent.killall(carriers, block=False)
        theirs.close()


def _channel(pyhost: Host, address: Address, port: int) -> Channel:
    connect(pyhost)
    if not isinstance(pyhost.connector, SSHConnector):
        raise UnansweredError(pyhost.name, "it is not reached by SSH, and nothing else leads to it")
    client = pyhost.connector.client
    transport = client.get_transport() if client else None
    if transport is None or not transport.is_active():
        raise UnansweredError(pyhost.name, "its SSH connection is closed")
    try:
        return transport.open_channel(
            "direct-tcpip", (str(address), port), ("127.0.0.1", 0), timeout=CONNECT
        )
    except ChannelException as error:
        if error.code == _CONNECT_FAILED:
            raise ConnectionRefusedError(f"nobody answers at {address} port {port}") from None
        if error.code == _PROHIBITED:
            raise UnansweredError(pyhost.name, FORBIDDEN) from None
        raise UnansweredError(pyhost.name, f"its sshd forwards nothing: {line(error)}") from None
    except (SSHException, EOFError, OSError) as error:
        raise UnansweredError(pyhost.name, f"its sshd forwards nothing: {line(error)}") from None


FORBIDDEN = (
    "its sshd forwards no connection for this account; allow it in sshd_config(5), as"
    " `AllowTcpForwarding local` and no narrower PermitOpen, or submit from an application"
)


def _carried(
    take: Callable[[int], bytes], give: Callable[[bytes], object], end: Callable[[], object]
) -> None:
    """Carry octets one way until either side ends; a greenlet that fails writes a traceback."""
    try:
        while octets := take(_AT_ONCE):
            give(octets)
        end()
    except (OSError, EOFError, SSHException):
        return
