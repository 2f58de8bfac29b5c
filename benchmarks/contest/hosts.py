"""Sending hosts that take turns on one machine: who is not asked stands still; what a turn cost."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import lab
from lab.hosts import here
from lab.hosts.errors import LabError
from lab.hosts.guest import Guest, wait_until
from lab.hosts.shell import environment
from lab.life import control
from lab.life.control import Target
from lab.life.session import Lab

# The same for everybody, the newest stable one: its OpenSSL reads keys ten times as fast as that of
# Debian 12, its OpenSMTPD can do TLS with an RSA certificate, its Node.js is new enough for Haraka.
RELEASE = "trixie"

OURS = Target("mail1", RELEASE, (11, 12, 13))
SECOND = Target("mail2", RELEASE, (21, 22, 23))

_CONTROL_GROUPS = Path("/sys/fs/cgroup")


def up(wanted: Sequence[Target], known: Iterable[Target], tell: Callable[[str], None]) -> Lab:
    """The lab with the *wanted* bare hosts. Others of the *known* ones that are up may stay.

    A lab with strangers in it, as another suite leaves one, is taken down before.
    """
    current = here.mine()
    names = {target.name for target in (*wanted, *known)}
    if current and any(host.is_bare and name not in names for name, host in current.hosts.items()):
        control.down()
    control.up(wanted, tell)
    running = lab.load()
    for guest in running.targets.values():
        guest.thaw()
    return running


@contextmanager
def standing_still(guests: Iterable[Guest]) -> Iterator[None]:
    """All of *guests* stand still at first, and go on in the end; `moving` is for in between."""
    known = list(guests)
    try:
        for guest in known:
            guest.freeze()
        yield
    finally:
        for guest in known:
            guest.thaw()


@contextmanager
def moving(guest: Guest) -> Iterator[None]:
    """One of those that stand still goes on while the block lasts."""
    guest.thaw()
    try:
        yield
    finally:
        guest.freeze()


def cpu_seconds(guest: Guest) -> float:
    """The processor time that a host has used, with all its processes, those that ended too."""
    for line in Path(f"/proc/{guest.pid}/cgroup").read_text().splitlines():
        kinds = line.split(":", 2)[1]
        # systemd in the guest has groups of its own below that of the whole host.
        top = f"lxc.payload.{guest.container}"
        if "cpuacct" in kinds.split(","):
            usage = _CONTROL_GROUPS / "cpuacct" / top / "cpuacct.usage"
            return int(usage.read_text()) / 1e9
        if kinds == "":
            unified = _CONTROL_GROUPS / top / "cpu.stat"
            if unified.exists():
                found = re.search(r"usage_usec (\d+)", unified.read_text())
                return int(found[1]) / 1e6 if found else 0.0
    raise LabError(f"{guest.name}: no control group tells its processor time")


def processes(guest: Guest) -> list[int]:
    """All processes of a host, by their ids on this machine."""

    def space(pid: int | str) -> str:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())

    own = space(guest.pid)
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if space(place.name) == own:
                found.append(int(place.name))
        except OSError:
            continue  # It has ended in the meantime.
    return found


@contextmanager
def syncs_counted(guest: Guest) -> Iterator[Callable[[], int]]:
    """Count the calls of fsync(2) and fdatasync(2) by a host while the block lasts.

    What the block is given tells their number after its end. Everything is slow meanwhile.
    """
    calls: list[int] = []
    with tempfile.NamedTemporaryFile("r") as table:
        pids = [word for pid in processes(guest) for word in ("-p", str(pid))]
        counted = "trace=fsync,fdatasync"
        tracer = subprocess.Popen(
            ["strace", "-f", "-c", "-U", "name,calls", "-e", counted, "-o", table.name, *pids],
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
        )
        try:
            wait_until(lambda: _is_traced(guest.pid), 10, f"{guest.name}: strace")
            yield lambda: calls[0]
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.communicate(timeout=30)
            calls.append(total(Path(table.name).read_text()))


def total(table: str) -> int:
    """The calls in the table of `strace -c -U name,calls`, all system calls together."""
    rows = re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)
    return sum(int(calls) for name, calls in rows if name != "total")


def _is_traced(pid: int) -> bool:
    return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()
