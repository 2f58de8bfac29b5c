"""How long `postroad audit` takes, near and over a slow link, and its checks in a second.

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
from benchmarks.slow import slow_link
from lab.life import control
from lab.life.session import Lab
from lab.mail import road

# The goals of one host and of many, in seconds.
A_HOST = 5.0
MANY = 30.0
# The slow link's seconds, there and back.
FAR = 0.05


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
    taken: dict[str, tuple[float, Sequence[Audit]]] = {}
    try:
        running = estate.up(most)
        estate.converge(running, most)
        goal = A_HOST if most == ONE else MANY
        near = f"audit, {counted(most)}"
        taken[near] = goal, _audits(near, running, road.INVENTORY, effort.runs)
        with slow_link(running, FAR):
            far = f"{near}, {FAR * 1000:.0f} ms"
            taken[far] = goal, _audits(far, running, estate.INVENTORY, effort.runs)
        if most > ONE:
            estate.converge_alone(running)
            alone = f"audit, {counted(ONE)}"
            runs = _audits(alone, running, estate.INVENTORY_OF_ONE, effort.runs)
            taken = {alone: (A_HOST, runs), **taken}
    finally:
        control.down()
    for name, (limit, audits) in taken.items():
        yield from _figures(name, limit, audits)


def _audits(title: str, running: Lab, inventory: Path, runs: int) -> list[Audit]:
    road.serve_policies(running, inventory)
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


def _figures(name: str, limit: float, audits: Sequence[Audit]) -> Iterator[Figure]:
    seconds = tuple(audit.seconds for audit in audits)
    yield Figure(name, "s", seconds, "", None, limit, "lower")
    rates = tuple(audit.rate for audit in audits)
    yield Figure(f"{name}: checks", "checks/s", rates, "", None, None, "higher")
