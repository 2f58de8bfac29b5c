"""A run of the deploy that may be cut off: its processes on both ends, and what it leaves."""

from __future__ import annotations

import os
import subprocess
import sys

from lab import control, road
from lab.guest import Guest
from lab.session import Lab
from tests.lab import mail

LEFTOVERS = (
    "find /run/postroad/stage /run/postroad-canary-* -mindepth 1;"
    " find /etc /usr/local /var/lib/postroad -name '*.postroad-new' -o -name '*.new';"
    " ls -d /usr/sbin/policy-rc.d; systemctl list-units --plain --no-legend 'postroad-*canary*'"
)


def start_a_run() -> subprocess.Popen[bytes]:
    """A deploy that nobody waits for."""
    return subprocess.Popen(
        [sys.executable, "-m", "pyinfra", "-y", str(road.INVENTORY), str(road.DEPLOY)],
        cwd=control.CLONE,
        env={**os.environ, "PYINFRA_PROGRESS": "off", "PYTHONPATH": str(control.CLONE)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def family(guest: Guest, pid: str) -> list[str]:
    """The process ids of a remote command, found from one of its processes: sshd's child and all
    that descends from it. Sessions would not do: apt gives dpkg one of its own."""
    listed = guest.run("ps -e -o pid= -o ppid= -o comm=").stdout.splitlines()
    parents = {p: (parent, name) for p, parent, name in (line.split(None, 2) for line in listed)}
    while not parents[parents[pid][0]][1].startswith("sshd"):
        pid = parents[pid][0]
    family = [pid]
    for member in family:
        family += [child for child, (parent, _) in parents.items() if parent == member]
    return family


def remote(guest: Guest) -> list[str]:
    """The process ids of all remote commands that run on the host now."""
    listed = guest.run("ps -e -o pid= -o ppid= -o comm=").stdout.splitlines()
    rows = [line.split(None, 2) for line in listed]
    logins = {pid for pid, _, name in rows if name.startswith("sshd")}
    first = [p for p, parent, name in rows if parent in logins and not name.startswith("sshd")]
    return [member for pid in first for member in family(guest, pid)]


def completed_by_the_next_run(lab: Lab) -> None:
    """The next run finishes what the last one began, and nothing of it is left."""
    done = road.deploy()
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert road.plan() == []
    for guest in lab.targets.values():
        left = guest.run(LEFTOVERS, check=False).stdout
        assert not left, f"{guest.name}: {left}"
    mail.flows(lab)


def deploy_twice(lab: Lab, host: str = "mail2") -> None:
    """One host deployed from nothing, and open."""
    for _ in range(2):
        done = road.deploy("--limit", host)
        assert done.returncode == 0, done.stdout + done.stderr
        # Its keys and its certificate are new, and its resolver has just heard of the old ones.
        road.publish(lab)
        lab.targets[host].run("unbound-control -q flush_zone .")
