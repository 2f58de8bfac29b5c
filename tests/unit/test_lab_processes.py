"""The lab tells processes of its own from others, whatever those call themselves."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lab.hosts.state import Process
from postroad.onhost.asked import instances

# prctl(2), PR_SET_NAME.
NAMED = (
    "import ctypes, sys; ctypes.CDLL(None).prctl(15, bytes.fromhex(sys.argv[1]), 0, 0, 0);"
    "print(flush=True); sys.stdin.read()"
)


@pytest.mark.parametrize("name", [b"\xff\xfe", b") S 1 (", b"\n1 2", b"plain"])
def test_a_process_is_known_whatever_its_name(name: bytes) -> None:
    command = [sys.executable, "-c", NAMED, name.hex()]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as running:
        assert running.stdout is not None
        running.stdout.readline()
        found = Process.of(running.pid)
        assert found.is_alive()
        assert abs(instances.start_of(str(running.pid)) - instances.start_of("self")) < 3600
    assert not found.is_alive()
