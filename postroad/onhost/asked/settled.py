"""Waits until a message that was just taken has been tried.

Arguments: its queue id, its instance, how many seconds to wait at most. It says nothing, and ends
with 0 in any case: what became of the message, the logs tell whoever asks next. It looks at the end
of the newest log alone, so that a busy shop's is not read over and over.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

from postroad.onhost.common import places

LOGS = Path(places.LOGS)
# What was written since the message was taken is within so many octets.
BACK = 1 << 22
GLANCE = 0.1


def main(arguments: list[str]) -> int:
    """Wait for what `settled` looks for."""
    queue_id, instance, seconds = arguments
    wait(queue_id, LOGS / f"{instance}.log", time.monotonic() + float(seconds))
    return 0


def wait(queue_id: str, log: Path, deadline: float) -> None:
    """Return when the log tells of an attempt to deliver the message, or at the deadline."""
    tried = settled(queue_id)
    read, rest = max(0, size(log) - BACK), b""
    while True:
        if size(log) < read:
            read, rest = 0, b""  # It was rotated.
        lines = (rest + since(log, read)).split(b"\n")
        read += sum(len(line) + 1 for line in lines) - 1 - len(rest)
        rest = lines.pop()
        if any(tried.search(line) for line in lines) or time.monotonic() >= deadline:
            return
        time.sleep(GLANCE)


def settled(queue_id: str) -> re.Pattern[bytes]:
    """A pattern for an attempt to deliver the message, or its end."""
    name = re.escape(queue_id).encode()
    return re.compile(rb"\]: " + name + rb": (?:to=<.* status=\w+ |removed$)")


def size(log: Path) -> int:
    """How many octets it has; none where it is not there, as between two steps of a rotation."""
    try:
        return log.stat().st_size
    except OSError:
        return 0


def since(log: Path, read: int) -> bytes:
    """What is behind the first ``read`` octets."""
    try:
        with log.open("rb") as file:
            file.seek(read)
            return file.read()
    except OSError:
        return b""
