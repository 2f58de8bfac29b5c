"""The product of an earlier commit, at work in this checkout's lab."""

from __future__ import annotations

import os
import subprocess
import sys

from lab.hosts.here import CLONE

# What stands in the place of today's meanwhile. A commit that has no config.py gets an empty one.
PRODUCT = ("config.py", "deploys", "group_data", "inventories", "lab", "postroad", "templates")

_FETCH = 'rm -rf "$1"; mkdir -p "$1"; git archive -o "$1.tar" "$2"; tar xf "$1.tar" -C "$1"'


def run_as(commit: str, program: str) -> None:
    """Run the text of a Python program with the product of an earlier ``commit``.

    The lab knows its checkout by the folder, so the earlier product is mounted there, for this one
    command alone. RuntimeError where git does not know the commit, or the program fails.
    """
    tree = CLONE / "build" / "earlier"
    _run("sh", "-euc", _FETCH, "sh", str(tree), commit)
    (tree / "config.py").touch()
    mounts = "".join(f"mount --bind {tree / part} {CLONE / part}\n" for part in PRODUCT)
    _run("unshare", "--mount", "sh", "-euc", f'{mounts} exec "$0" -c "$1"', sys.executable, program)


def _run(*command: str) -> None:
    done = subprocess.run(
        command,
        cwd=CLONE,
        env={**os.environ, "PYTHONPATH": str(CLONE), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip()[-2000:])
