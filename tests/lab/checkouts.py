"""Other checkouts, whose labs are their own: brought up and taken down as an operator does."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab import Lab
from lab.hosts import here, state
from lab.hosts.shell import run


@contextmanager
def checkout(place: Path) -> Iterator[Path]:
    """A checkout at ``place``; its labs go with it."""
    # With what the lab imports of postroad: the one that is installed may be another.
    for part in ("lab", "postroad"):
        shutil.copytree(here.CLONE / part, place / part)
    try:
        yield place
    finally:
        if place.is_dir():
            script(place, "down", "--all")


def script(
    clone: Path, *arguments: str, name: str = "lab", root: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """`script/lab` of that checkout, for its lab of this name; ``root`` is how to get into one."""
    return subprocess.run(
        [*root, sys.executable, "-m", "lab", *arguments],
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(clone), here.NAME_VARIABLE: name},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def up(clone: Path, name: str = "lab", root: Sequence[str] = ()) -> dict[str, Any]:
    """Bring the clone's lab up with one target; return its lab.json."""
    done = script(clone, "up", "--target", "only:bookworm:11,12", name=name, root=root)
    assert done.returncode == 0, done.stderr
    read = subprocess.run(
        [*root, "cat", str(clone / "build" / name / "lab.json")],
        capture_output=True,
        text=True,
        check=True,
    )
    content: dict[str, Any] = json.loads(read.stdout)
    return content


def load(clone: Path) -> Lab:
    """The lab of another checkout."""
    (known,) = state.of_clone(clone)
    return Lab(known)


def traces(number: int) -> list[str]:
    """Everything on this machine that belongs to lab *number*."""
    bridge = f"prlab{number}"
    is_ours = re.compile(rf"\b{bridge}(\b|[-v])|/postroad-lab/{number}(/|\b)").search
    found = [line for line in run(["ip", "-o", "link"]).stdout.splitlines() if is_ours(line)]
    found += [line for line in run(["nft", "list", "tables"]).stdout.splitlines() if is_ours(line)]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [line for line in mounts if is_ours(line)]
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_text().replace("\0", " ")
            words = command + (process / "cgroup").read_text()
            # One without a command line has ended and waits for PID 1 to notice (proc(5)).
            if command and is_ours(words):
                found.append(words)
    groups = Path("/sys/fs/cgroup")
    found += [
        str(path) for path in [*groups.glob("lxc*"), *groups.glob("*/lxc*")] if is_ours(str(path))
    ]
    places = (Path("/run/postroad-lab"), Path("/var/lib/postroad-lab"))
    found += [str(place / str(number)) for place in places if (place / str(number)).exists()]
    return found
