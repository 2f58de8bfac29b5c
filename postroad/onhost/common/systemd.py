"""The service manager: what a daemon tells it of itself, and whose a process is."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable

#: The services of the system (cgroups(7)). Below user.slice anybody may have a unit of any name
#: (systemd-run(1) --user).
SERVICE = re.compile(
    r"^\d+:[^:\n]*:/system\.slice/(?:[^/\n]+\.slice/)*([^/\n]+\.service)$", re.MULTILINE
)

#: Seconds between two looks at itself, and before the first that has an answer.
LOOK, GLANCE = 3, 0.05


def notify(state: str) -> None:
    """Tell systemd (sd_notify(3)), where it asks to be told."""
    if place := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.sendto(state.encode(), "\0" + place[1:] if place[0] == "@" else place)


def watch(answers: Callable[[], bool]) -> None:
    """Tell systemd, for as long as it is true, that the daemon answers (WatchdogSec=)."""
    while not answers():
        time.sleep(GLANCE)
    notify("READY=1")
    while True:
        if answers():
            notify("WATCHDOG=1")
        time.sleep(LOOK)
