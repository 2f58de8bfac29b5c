"""Takes a lab away when its checkout's folder has been removed, and nobody could do it by hand.

It is a process of its own, which has read all of its program at its start, so that it outlives the
folder that it came from.
"""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from lab.hosts import remains, state
from lab.hosts.shell import environment
from lab.hosts.state import Process, State

#: How often it looks, in seconds.
_EVERY = 3.0
_PROGRAM = (
    "import sys; from lab.hosts import guardian; guardian.watch(int(sys.argv[1]), sys.argv[2])"
)


def start(known: State) -> Process:
    """Have somebody watch over this lab until its end."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(known.number), known.clone],
        cwd="/",
        env={**environment(), "PYTHONPATH": known.clone},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return Process.of(process.pid)


def watch(number: int, clone: str) -> None:
    """Return when the lab is gone, or has been taken away because its checkout is."""
    while Path(clone).is_dir():
        time.sleep(_EVERY)
        if _record(number, clone) is None:
            return
    with state.lock():
        known = _record(number, clone)
        if known is not None and not Path(clone).is_dir():
            # Its processes but this one, which ends by itself.
            others = {name: p for name, p in known.processes.items() if name != "guardian"}
            remains.remove(replace(known, processes=others))
            remains.settle()


def _record(number: int, clone: str) -> State | None:
    """The lab, as long as the number is its own."""
    known = state.read(number)
    return known if known is not None and known.clone == clone else None
