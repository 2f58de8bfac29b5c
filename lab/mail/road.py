"""The road in the lab: the deploy run as an operator runs it, and its records put into the DNS.

What the tests and the demonstration share. The shop's zones are filled by `postroad dns publish`
alone, from what the model derives.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.hosts import here
from lab.life.session import Lab
from lab.world import web
from postroad.dns.check.mta_sts import PATH as POLICY
from postroad.dns.mta_sts import policy_host

INVENTORY = Path("inventories/lab.py")
DEPLOY = Path("deploys/mailserver.py")
ROTATION = Path("deploys/rotate_dkim.py")
PAUSE = Path("deploys/pause.py")
LEAVE = Path("deploys/leave.py")

# Where unbound lets itself be controlled (templates/unbound/unbound.conf.j2).
_RESOLVER = "/run/unbound.ctl"

Entry = Mapping[str, Any]


def pyinfra(*arguments: str, timeout: float = 2700) -> subprocess.CompletedProcess[str]:
    """Run pyinfra's command line in the checkout; never raises on its exit status.

    An emulated host takes its time: *timeout* (seconds) is for runs that hang.
    """
    return subprocess.run(
        [sys.executable, "-m", "pyinfra", *arguments],
        cwd=here.CLONE,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def _environment() -> dict[str, str]:
    # The spinner is for people; the checkout's own modules come before any that are installed.
    return {**os.environ, "PYINFRA_PROGRESS": "off", "PYTHONPATH": str(here.CLONE)}


def deploy(*options: str) -> subprocess.CompletedProcess[str]:
    """`pyinfra -y OPTIONS inventories/lab.py deploys/mailserver.py`."""
    return pyinfra("-y", *options, str(INVENTORY), str(DEPLOY))


def rotate(*options: str) -> subprocess.CompletedProcess[str]:
    """`pyinfra -y OPTIONS inventories/lab.py deploys/rotate_dkim.py`."""
    return pyinfra("-y", *options, str(INVENTORY), str(ROTATION))


def pause(stream: str, verb: str) -> subprocess.CompletedProcess[str]:
    """`pyinfra -y inventories/lab.py deploys/pause.py --data stream=… --data do=…`."""
    said = ("--data", f"stream={stream}", "--data", f"do={verb}")
    return pyinfra("-y", *said, str(INVENTORY), str(PAUSE))


def leave(*options: str) -> subprocess.CompletedProcess[str]:
    """`pyinfra -y OPTIONS inventories/lab.py deploys/leave.py`."""
    return pyinfra("-y", *options, str(INVENTORY), str(LEAVE))


def plan(*options: str, inventory: Path = INVENTORY) -> list[Entry]:
    """What a dry run says it would change: the entries of its plan that name a host.

    RuntimeError where the dry run fails, with what it said.
    """
    done = pyinfra("--dry", "--json", *options, str(inventory), str(DEPLOY))
    if done.returncode != 0:
        raise RuntimeError(f"the dry run failed:\n{done.stdout}\n{done.stderr}")
    entries: list[Entry] = json.loads(done.stdout)["plan"]
    return [e for e in entries if e["hosts_with_change"] or e["hosts_with_conditional_change"]]


def postroad(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run postroad's command line in the checkout; never raises on its exit status."""
    return subprocess.run(
        [sys.executable, "-m", "postroad", *arguments],
        cwd=here.CLONE,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def zone(inventory: Path = INVENTORY) -> str:
    """What `postroad dns records --zone` writes: every record that the estate needs as it is now.

    On bare hosts that is everything but the DKIM keys. RuntimeError where a host does not answer.
    """
    done = postroad("dns", "records", "--zone", str(inventory))
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return done.stdout


def publish(lab: Lab, inventory: Path = INVENTORY) -> str:
    """`postroad dns publish --yes`, as the operator does it; returns what it said.

    Every resolver of the lab sees the records afterwards, those of the hosts as well: a host that
    was born again may just have heard of the keys that it had before, and would believe in them as
    long as records live. RuntimeError where not all is published.
    """
    done = postroad("dns", "publish", "--yes", str(inventory))
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    lab.dns.take_up()
    forget_names(lab)
    return done.stdout


def forget_names(lab: Lab) -> None:
    """Have the resolver of every host that is up, and has one of ours, ask for all names anew."""
    for guest in lab.targets.values():
        if guest.is_running():
            # Where a host has left, its socket stays behind.
            is_there = f"[ -S {_RESOLVER} ] && systemctl -q is-active unbound.service"
            guest.run(f"if {is_there}; then unbound-control -q flush_zone .; fi")


def serve_policies(lab: Lab, inventory: Path = INVENTORY) -> None:
    """Put what `postroad dns mta-sts` writes on the shop's web host, as the operator does."""
    for domain in web.POLICY_DOMAINS:
        written = postroad("dns", "mta-sts", str(inventory), domain)
        if written.returncode != 0:
            raise RuntimeError(written.stderr)
        lab.web.serve(policy_host(domain), POLICY, written.stdout)
