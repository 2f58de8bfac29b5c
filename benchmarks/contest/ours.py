"""postroad as one of the contenders: deployed as its operator would, with the defaults' limits."""

from __future__ import annotations

from typing import Any

from benchmarks.paths import HERE
from lab import road, shop
from lab.session import Lab

INVENTORY = HERE / "inventories" / "sending.py"
# Keys and records come after the first run, open streams after the second.
_RUNS_TO_CONVERGE = 3


def is_ours(name: str) -> bool:
    """Whether the bare host *name* is one that postroad is deployed to."""
    return name.startswith("mail")


def estate(lab: Lab) -> dict[str, Any]:
    """The lab's estate on our hosts alone, without the lab's own low limits."""
    whole: dict[str, Any] = shop.estate(lab)
    streams = {
        name: {key: value for key, value in stream.items() if key != "limits"}
        for name, stream in whole["streams"].items()
    }
    hosts = {name: host for name, host in whole["hosts"].items() if is_ours(name)}
    return {**whole, "hosts": hosts, "streams": streams}


def deploy(lab: Lab) -> None:
    """Deploy until a dry run names nothing. RuntimeError where that does not come."""
    for _ in range(_RUNS_TO_CONVERGE):
        road.publish(lab, INVENTORY)
        if not road.plan(inventory=INVENTORY):
            return
        done = road.pyinfra("-y", str(INVENTORY), str(road.DEPLOY))
        if done.returncode != 0:
            raise RuntimeError(f"the deploy failed:\n{done.stdout}\n{done.stderr}")
    if left := road.plan(inventory=INVENTORY):
        names = "; ".join(str(entry["name"]) for entry in left)
        raise RuntimeError(f"a further run would still change: {names}")
