"""The road in the lab: the deploy run as an operator runs it, and its records put into the DNS.

What the tests and the demonstration share. The lab's DNS is filled from the model's own derivation
and from nothing else.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab import control
from lab.session import Lab
from postroad.dns.records import Record, derive
from postroad.inventory import load
from postroad.live import connected, live_keys

INVENTORY = Path("inventories/lab.py")
DEPLOY = Path("deploys/mailserver.py")

Entry = Mapping[str, Any]


def pyinfra(*arguments: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
    """Run pyinfra's command line in the checkout; never raises on its exit status."""
    return subprocess.run(
        [sys.executable, "-m", "pyinfra", *arguments],
        cwd=control.CLONE,
        env={**os.environ, "PYINFRA_PROGRESS": "off", "PYTHONPATH": str(control.CLONE)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def deploy(*options: str) -> subprocess.CompletedProcess[str]:
    """`pyinfra -y OPTIONS inventories/lab.py deploys/mailserver.py`."""
    return pyinfra("-y", *options, str(INVENTORY), str(DEPLOY))


def plan(*options: str) -> list[Entry]:
    """What a dry run says it would change: the entries of its plan that name a host.

    RuntimeError where the dry run fails, with what it said.
    """
    done = pyinfra("--dry", "--json", *options, str(INVENTORY), str(DEPLOY))
    if done.returncode != 0:
        raise RuntimeError(f"the dry run failed:\n{done.stdout}\n{done.stderr}")
    entries: list[Entry] = json.loads(done.stdout)["plan"]
    return [e for e in entries if e["hosts_with_change"] or e["hosts_with_conditional_change"]]


def records_before_keys() -> tuple[Record, ...]:
    """The records that need no key: names, addresses, SPF, MX, DMARC."""
    return derive(load(control.CLONE / INVENTORY).estate, [])


def records() -> tuple[Record, ...]:
    """Every record that the estate needs, with the keys that its hosts have."""
    with connected(control.CLONE / INVENTORY) as (loaded, sites):
        return derive(loaded.estate, live_keys(sites))


def publish(lab: Lab, wanted: tuple[Record, ...]) -> None:
    """Put the records into the lab's DNS, as the operator would into the real one."""
    lab.dns.publish([(f"{r.owner}.", r.ttl, r.type, r.data) for r in wanted])
