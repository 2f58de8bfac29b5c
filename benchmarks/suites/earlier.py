"""Signed mail by this checkout beside an earlier commit of it: `benchmarks/run --beside COMMIT`.

Both hosts are deployed by the earlier commit, and one of them then by this one, as an operator
would bring an estate to a new version. They take turns as in the suite throughput.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

from benchmarks import converged
from benchmarks.contest import hosts, ours
from benchmarks.contest.peers import PEERS
from benchmarks.figures import Effort, Figure
from benchmarks.paths import BUILD
from benchmarks.progress import tell
from benchmarks.suites.throughput import OURS, held
from lab.hosts.here import CLONE

# What stands in the place of today's while the earlier commit deploys. The benchmarks stay today's.
# A commit that has no config.py gets an empty one.
PRODUCT = ("config.py", "deploys", "group_data", "inventories", "lab", "postroad", "templates")
# Where a program of ours stands in each message's way.
BESIDE_EARLIER = 0.9

_DEPLOY = "import lab; from benchmarks.contest import ours; ours.deploy(lab.load())"


def measure(effort: Effort) -> Iterator[Figure]:
    """Every size in turns. RuntimeError without a commit, or where it cannot be deployed."""
    commit = effort.beside
    if commit is None:
        raise RuntimeError("beside which commit? benchmarks/run --beside COMMIT earlier")
    label = f"postroad at {commit}"
    wanted = (hosts.OURS, hosts.SECOND)
    running = hosts.up(wanted, [*wanted, *(peer.target for peer in PEERS)], tell)
    tell(f"both hosts by {commit}")
    _deploy(commit)
    tell(f"{hosts.OURS.name} by this checkout")
    here = running.targets[hosts.OURS.name]
    converged.bring(running, [here], ours.INVENTORY, "--limit", here.name)
    contenders = [
        ours.contender(running, OURS, hosts.OURS.name),
        ours.contender(running, label, hosts.SECOND.name),
    ]
    yield from held(running, effort, contenders, [], {label: BESIDE_EARLIER})


def _deploy(commit: str) -> None:
    """Deploy the hosts of the lab with the product of an earlier commit.

    The lab knows its checkout by the folder, so the earlier product is mounted there, for one
    command alone. RuntimeError where git does not know the commit, or the deploy fails.
    """
    tree = BUILD / "earlier"
    fetch = 'rm -rf "$1"; mkdir -p "$1"; git archive -o "$1.tar" "$2"; tar xf "$1.tar" -C "$1"'
    _run("sh", "-euc", fetch, "sh", str(tree), commit)
    (tree / "config.py").touch()
    mounts = "".join(f"mount --bind {tree / part} {CLONE / part}\n" for part in PRODUCT)
    _run("unshare", "--mount", "sh", "-euc", f'{mounts} exec "$0" -c "$1"', sys.executable, _DEPLOY)


def _run(*command: str) -> None:
    done = subprocess.run(
        command,
        cwd=CLONE,
        env={**os.environ, "PYTHONPATH": str(CLONE)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip()[-2000:])
