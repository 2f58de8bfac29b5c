"""Signed mail by this checkout beside an earlier commit of it: `benchmarks/run --beside COMMIT`.

Both hosts are deployed by the earlier commit, and one of them then by this one, as an operator
would bring an estate to a new version. They take turns as in the suite throughput.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import converged
from benchmarks.contest import hosts, ours
from benchmarks.contest.peers import PEERS
from benchmarks.figures import Effort, Figure
from benchmarks.progress import tell
from benchmarks.suites.throughput import OURS, held
from lab.life.product import run_as

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
    run_as(commit, _DEPLOY)
    tell(f"{hosts.OURS.name} by this checkout")
    here = running.targets[hosts.OURS.name]
    converged.bring(running, [here], ours.INVENTORY, "--limit", here.name)
    contenders = [
        ours.contender(running, OURS, hosts.OURS.name),
        ours.contender(running, label, hosts.SECOND.name),
    ]
    yield from held(running, effort, contenders, [], {label: BESIDE_EARLIER})
