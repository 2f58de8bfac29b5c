"""Work side by side, in threads and in greenlets."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from postroad.dns.check.crew import Crew

MADE_GREENLETS_LATER = """
from concurrent.futures import thread
from postroad.dns.check.crew import Crew
import pyinfra_cli
import time

crew, inner = Crew(8), Crew(8)

def work():
    futures = [inner.start(lambda: time.sleep(0.01)) for _ in range(8)]
    return [future.result() for future in futures]

print(len([future.result() for future in [crew.start(work) for _ in range(20)]]))
"""


def test_as_many_at_a_time_as_there_are_seats() -> None:
    together = threading.Barrier(4)
    crew = Crew(4)
    futures = [crew.start(lambda: together.wait(5)) for _ in range(8)]
    assert sorted(future.result(5) for future in futures) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_fault_comes_to_whoever_waits() -> None:
    def fail() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        Crew(1).start(fail).result(5)


def test_nobody_waits_for_ever_where_threads_became_greenlets_later() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MADE_GREENLETS_LATER],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.strip() == "20", done.stderr
