"""Taking labs away: one that is no longer wanted, or what a dead one has left."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from lab import network, qemu, state
from lab.errors import LabError
from lab.guest import wait_until
from lab.network import Network

_CGROUPS = Path("/sys/fs/cgroup")


def is_alive(number: int) -> bool:
    """Whether lab *number* can still be used: it is on record, has its bridge, and a host runs."""
    known = state.read(number)
    if known is None or not network.is_up(known.network):
        return False
    return any(guest.is_running() for guest in known.guests().values())


def is_orphan(number: int) -> bool:
    """Whether the checkout that lab *number* belongs to is gone, so that nobody can end it."""
    known = state.read(number)
    return known is not None and not Path(known.clone).is_dir()


def remove(number: int) -> None:
    """Remove all of lab *number*: processes, interfaces, filter rules, files.

    Every step looks for what is there rather than for what should be, so that it also
    removes what a lab has left that was killed at any point.
    """
    net = Network(number)
    known = state.read(number)
    for process in known.processes.values() if known else ():
        process.end()
    _kill_containers(net)
    qemu.end(net)
    network.remove(net)
    state.forget(number)


def _kill_containers(net: Network) -> None:
    """End every process in a control group of this lab's containers, then remove the groups.

    LXC names them lxc.payload.NAME and lxc.monitor.NAME (lxc.container.conf(5)).
    """
    marks = tuple(f"/lxc.{part}.{net.bridge}-" for part in ("payload", "monitor"))

    def members() -> list[int]:
        return [pid for pid in _processes() if any(m in _control_groups(pid) for m in marks)]

    for pid in members():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    wait_until(lambda: not members(), 30, f"{net.bridge}: end of the hosts' processes")

    def groups() -> list[Path]:
        names = [f"{mark[1:]}*" for mark in marks]
        return [g for name in names for g in (*_CGROUPS.glob(name), *_CGROUPS.glob(f"*/{name}"))]

    def are_gone() -> bool:
        for group in groups():
            _remove_group(group)
        return not groups()

    # A group stays busy until its ended processes are reaped. Where nobody does that, an empty one
    # is left behind, and harms nobody.
    with suppress(LabError):
        wait_until(are_gone, 5, f"{net.bridge}: removal of the control groups")


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _control_groups(pid: int) -> str:
    """Empty for a process that has ended, also where nobody has reaped it yet (a slow PID 1)."""
    try:
        if not Path(f"/proc/{pid}/cmdline").read_bytes():
            return ""
        return Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return ""


def _remove_group(group: Path) -> None:
    for directory, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(directory)
        except OSError:
            continue
