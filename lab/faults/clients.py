"""Strangers at the open port who want no mail delivered."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from lab import onhost
from lab.faults.reach import senders
from lab.hosts.shell import environment
from lab.life.session import Lab

HOSTILE = ("slow", "many", "huge", "endless", "garbage")


@contextmanager
def hostile(kind: str, lab: Lab) -> Iterator[None]:
    """A stranger at the open port of each host: see lab/onhost/hostile.py."""
    stranger = lab.hosts["outsider"]
    attacks = [
        subprocess.Popen(
            stranger.enter(
                "python3", "-c", onhost.program("hostile.py"), kind, guest.ipv4[0], "25", "100"
            ),
            stdin=subprocess.PIPE,
            env=environment(),
        )
        for guest in senders(lab)
    ]
    try:
        yield
    finally:
        for attack in attacks:
            attack.communicate(timeout=30)
