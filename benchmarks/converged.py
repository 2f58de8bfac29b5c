"""How a benchmark begins: hosts that a further run would not change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lab import road
from lab.road import Entry
from lab.session import Lab

# Keys and records come after the first run, open streams after the second.
RUNS = 3


def until_nothing_is_left(
    publish: Callable[[], object],
    plan: Callable[[], Sequence[Entry]],
    deploy: Callable[[], object],
) -> None:
    """Publish and deploy until a dry run names nothing. RuntimeError where that does not come."""
    for _ in range(RUNS):
        publish()
        if not plan():
            return
        deploy()
    if left := plan():
        told = "; ".join(str(entry["name"]) for entry in left)
        raise RuntimeError(f"there is no end to it, a further run would change: {told}")


def bring(running: Lab, inventory: Path) -> None:
    """Have every host of ``inventory`` so, and its records published. RuntimeError where not."""
    until_nothing_is_left(
        publish=lambda: road.publish(running, inventory),
        plan=lambda: road.plan(inventory=inventory),
        deploy=lambda: _deploy(inventory),
    )


def _deploy(inventory: Path) -> None:
    done = road.pyinfra("-y", str(inventory), str(road.DEPLOY))
    if done.returncode != 0:
        raise RuntimeError(f"the deploy failed:\n{done.stdout}\n{done.stderr}")
