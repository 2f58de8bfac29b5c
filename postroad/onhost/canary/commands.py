"""Commands that are run to their end, and conditions that are waited for."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from postroad.onhost.canary.refusal import RefusedError

WAIT_SECONDS = 10.0
POLL_SECONDS = 0.02

T = TypeVar("T")


def run(*command: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its output is bytes of any encoding, read as text."""
    return subprocess.run(
        command, input=text, capture_output=True, encoding="utf-8", errors="replace", check=False
    )


def wait_for(condition: Callable[[], T | None], what: str) -> T:
    """The first answer of ``condition`` that is not None; RefusedError when there is none."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (answer := condition()) is None:
        if time.monotonic() > deadline:
            raise RefusedError(f"{what}: not within {WAIT_SECONDS:g} s")
        time.sleep(POLL_SECONDS)
    return answer


def content(place: Path) -> bytes:
    """What stands in a file of a folder that another user writes; nothing where it is none.

    A link there could lead to what is root's alone, and a fifo(7) has no end.
    """
    try:
        opened = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    with os.fdopen(opened, "rb") as file:
        return file.read() if stat.S_ISREG(os.fstat(opened).st_mode) else b""
