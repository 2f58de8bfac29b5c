"""A stream that its operator has paused, on one host. Pure.

*drain*: it takes no mail and delivers what it has. *stop*: it delivers nothing either. The word
stands in a file on the host, so that a pause outlasts runs and reboots, until somebody ends it.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Literal

from postroad.host.found import HostState
from postroad.host.paths import pause_path
from postroad.settings.model import StreamName

Pause = Literal["", "drain", "stop"]

_WORDS: dict[Pause, str] = {
    "drain": "drained by its operator",
    "stop": "stopped by its operator",
}


def content(pause: Pause) -> bytes:
    """What stands in the file of a stream that is paused."""
    return f"{pause}\n".encode()


def because(pause: Pause) -> str:
    """Why a stream takes no mail; empty where it is not paused."""
    return _WORDS.get(pause, "")


def found(state: HostState, stream: str) -> Pause:
    """How the stream is paused on a host; a file that nobody can read is a stop, to be safe."""
    file = state.files.get(pause_path(stream))
    if file is None:
        return ""
    return "drain" if file.sha256 == sha256(content("drain")).hexdigest() else "stop"


def all_found(state: HostState, streams: Iterable[StreamName]) -> dict[StreamName, Pause]:
    """How each of the streams is paused on a host."""
    return {stream: found(state, stream) for stream in streams}
