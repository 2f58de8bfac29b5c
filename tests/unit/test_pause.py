"""How a stream is paused on a host, as its file says."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from postroad.host.found import FileState, HostState, blank
from postroad.host.paths import pause_path
from postroad.mail.pause import Pause, all_found, because, content, found


def host(text: bytes | None) -> HostState:
    if text is None:
        return blank()
    file = FileState("file", "root", "root", 0o644, sha256(text).hexdigest())
    return replace(blank(), files={pause_path("marketing"): file})


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        (None, ""),
        (content("drain"), "drain"),
        (content("stop"), "stop"),
        # By hand: nobody knows what was meant, so nothing leaves.
        (b"", "stop"),
        (b"Drain", "stop"),
    ],
)
def test_what_a_host_says(text: bytes | None, pause: Pause) -> None:
    assert found(host(text), "marketing") == pause
    assert all_found(host(text), ("transactional", "marketing")) == {
        "transactional": "",
        "marketing": pause,
    }


def test_a_pause_has_a_reason() -> None:
    assert because("") == ""
    assert because("drain") != because("stop")
