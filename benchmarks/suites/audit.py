"""How long `postroad audit` takes, and how many checks it makes in a second.

There is nothing to hold it against: no other tool asks the same. Every check has to be well; that
each one sees what it is there for is proved by tests/lab/test_audit.py, and not repeated here.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import estate
from benchmarks.estate import ONE, counted
from benchmarks.figures import Effort, Figure
from benchmarks.progress import tell
from lab import control, road
from lab.session import Lab

# The goals of one host and of many, in seconds.
A_HOST = 5.0
MANY = 30.0


@dataclass(frozen=True)
class Audit:
    """One audit of an estate."""

    seconds: float
    checks: int

    @property
    def rate(self) -> float:
        """Checks a second."""
        return self.checks / self.seconds


def measure(effort: Effort) -> Iterator[Figure]:
    """The whole audit of an estate of many hosts, and of one host. It leaves no lab behind."""
    most = max(effort.hosts)
    try:
        running = estate.up(most)
        estate.converge(running, most)
        taken = {most: _audits(running, road.INVENTORY, most, effort.runs)}
        if most > ONE:
            estate.converge_alone(running)
            taken[ONE] = _audits(running, estate.INVENTORY_OF_ONE, ONE, effort.runs)
    finally:
        control.down()
    for hosts in sorted(taken):
        yield from _figures(hosts, taken[hosts])


def _audits(running: Lab, inventory: Path, hosts: int, runs: int) -> list[Audit]:
    road.serve_policies(running, inventory)
    title = f"audit of {counted(hosts)}"
    return [_audit(f"{title}: {number + 1} of {runs}", inventory) for number in range(runs)]


def _audit(title: str, inventory: Path) -> Audit:
    """One audit. RuntimeError where it finds anything but what is well."""
    tell(title)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "audit.json"
        began = time.monotonic()
        done = road.postroad("audit", str(inventory), "--json", str(place))
        seconds = time.monotonic() - began
        if not place.exists():
            raise RuntimeError(f"the audit failed:\n{done.stdout}\n{done.stderr}")
        results = json.loads(place.read_text(encoding="utf-8"))
    if amiss := [row for row in results if row["verdict"] in ("wrong", "error")]:
        told = "; ".join(f"{row['host']}: {row['check']}: {row['detail']}" for row in amiss)
        raise RuntimeError(f"the estate is not well: {told}")
    return Audit(seconds, len(results))


def _figures(hosts: int, audits: Sequence[Audit]) -> Iterator[Figure]:
    name = f"audit, {counted(hosts)}"
    seconds = tuple(audit.seconds for audit in audits)
    yield Figure(name, "s", seconds, "", None, A_HOST if hosts == ONE else MANY, "lower")
    rates = tuple(audit.rate for audit in audits)
    yield Figure(f"{name}: checks", "checks/s", rates, "", None, None, "higher")
