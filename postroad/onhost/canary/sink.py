"""Where the mail of a stream or of the null client comes out."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from postroad.onhost.canary.commands import wait_for
from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.tables import postconf

SINK_PORT = 2526


def sink_address(canary: Canary) -> str:
    """Loopback of a family that the way out sends by."""
    protocols = postconf(canary, "-Ph", "smtp/unix/inet_protocols").stdout
    return "::1" if protocols.strip() == "ipv6" else "127.0.0.1"


@contextmanager
def sink(canary: Canary, address: str, port: int) -> Iterator[None]:
    """smtp-sink(1), which takes all mail and writes each message to a file."""
    canary.sink.mkdir(mode=0o700)
    shutil.chown(canary.sink, "nobody")
    listen = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    template = f"{canary.sink}/message."
    with subprocess.Popen(["smtp-sink", "-u", "nobody", "-d", template, listen, "100"]) as process:
        try:
            wait_for(lambda: is_open(address, port) or None, f"smtp-sink at {listen}")
            yield
        finally:
            process.kill()


def is_open(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False
