"""A host that goes silent while something is done on it: its connection ends, and with it the wait.

pyinfra waits for a command as long as it takes, and TCP for a host that is gone a quarter of an
hour (tcp(7), tcp_retries2); for one that stands still, its kernel answers for ever. Its sshd is
asked instead, as OpenSSH's ServerAliveInterval does: it answers while a command is at work.
"""

from __future__ import annotations

from functools import partial

import gevent  # type: ignore[import-untyped]
from paramiko import SSHException, Transport
from pyinfra.api.host import Host
from pyinfra.connectors.ssh import SSHConnector

from postroad.roles.run.left_out import of
from postroad.settings.terminal import fail

#: How often a host is asked, and how long it may take to answer, in seconds.
EVERY = 15
PATIENCE = 60
# OpenSSH's own, of which every server says that it does not know it (RFC 4254 4).
_ALIVE = "keepalive@openssh.com"


def watch(host: Host) -> None:
    """Watch the connection of a run's host until it ends."""
    client = host.connector.client if isinstance(host.connector, SSHConnector) else None
    transport = client.get_transport() if client else None
    if transport is not None:
        gevent.spawn(_watches, host, transport)


def _watches(host: Host, transport: Transport) -> None:
    while transport.is_active():
        gevent.sleep(EVERY)
        if transport.is_active() and not _answers(transport):
            why = f"{host.name}: it went silent: its sshd has not answered for {PATIENCE} seconds"
            of(host.state).why.setdefault(host.name, why)
            fail(why)
            transport.close()


def _answers(transport: Transport) -> bool:
    """Whether sshd answers; one that has ended the connection is found by whoever uses it."""
    asked = gevent.spawn(partial(_ask, transport))
    asked.join(PATIENCE)
    answered: bool = asked.ready()
    asked.kill(block=False)
    return answered


def _ask(transport: Transport) -> None:
    try:
        transport.global_request(_ALIVE, wait=True)
    except (SSHException, EOFError, OSError):
        return
