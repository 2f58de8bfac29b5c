"""A run of the deploy that may be cut off: its processes on both ends, and what it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from lab.hosts import here
from lab.hosts.guest import Guest
from lab.life.session import Lab
from lab.mail import road
from postroad.host.paths import GENERATOR_MASK
from tests.lab import mail

# What runs put on a host for their own length; the mask is that of a first run.
_OF_A_RUN = (
    "find /run/postroad/stage /run/postroad-canary-* -mindepth 1;"
    " find /etc /usr/local /var/lib/postroad -name '*.postroad-new' -o -name '*.new';"
    f" ls -d /usr/sbin/policy-rc.d {GENERATOR_MASK};"
    " systemctl list-units --plain --no-legend 'postroad-*canary*'"
)


def start_a_run() -> subprocess.Popen[bytes]:
    """A deploy that nobody waits for."""
    return subprocess.Popen(
        [sys.executable, "-m", "pyinfra", "-y", str(road.INVENTORY), str(road.DEPLOY)],
        cwd=here.CLONE,
        env={**os.environ, "PYINFRA_PROGRESS": "off", "PYTHONPATH": str(here.CLONE)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


Processes = Mapping[str, tuple[str, str]]
"""Process ids with those of their parents, and their names."""


def _processes(guest: Guest) -> Processes:
    listed = guest.run("ps -e -o pid= -o ppid= -o comm=").stdout.splitlines()
    return {p: (parent, name) for p, parent, name in (line.split(None, 2) for line in listed)}


def _descent(pid: str, known: Processes) -> list[str]:
    found = [pid]
    for member in found:
        found += [child for child, (parent, _) in known.items() if parent == member]
    return found


def family(guest: Guest, pid: str) -> list[str]:
    """The process ids of a remote command, found from one of its processes: sshd's child and all
    that descends from it. Sessions would not do: apt gives dpkg one of its own."""
    known = _processes(guest)
    while not known[known[pid][0]][1].startswith("sshd"):
        pid = known[pid][0]
    return _descent(pid, known)


def remote(guest: Guest) -> list[str]:
    """The process ids of all remote commands that run on the host now."""
    known = _processes(guest)
    logins = {pid for pid, (_, name) in known.items() if name.startswith("sshd")}
    first = [
        pid
        for pid, (parent, name) in known.items()
        if parent in logins and not name.startswith("sshd")
    ]
    return [member for pid in first for member in _descent(pid, known)]


def completed_by_the_next_run(lab: Lab) -> None:
    """The next run finishes what the last one began, and nothing of it is left."""
    done = road.deploy()
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert road.plan() == []
    nothing_of_a_run_is_left(lab)
    mail.flows(lab)


def nothing_of_a_run_is_left(lab: Lab) -> None:
    """Every host is free of what runs put there for their own length."""
    for guest in lab.targets.values():
        left = guest.run(_OF_A_RUN, check=False).stdout
        assert not left, f"{guest.name}: {left}"


def deploy_twice(lab: Lab, host: str = "mail2") -> None:
    """One host deployed from nothing, and open."""
    for _ in range(2):
        done = road.deploy("--limit", host)
        assert done.returncode == 0, done.stdout + done.stderr
        road.publish(lab)
