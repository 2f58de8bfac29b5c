"""Taking a lab away, or what a dead one has left; nothing of others."""

import os
from contextlib import suppress
from pathlib import Path

from lab.hosts import machine, network, qemu, state
from lab.hosts.errors import LabError
from lab.hosts.guest import wait_until
from lab.hosts.network import Network
from lab.hosts.state import Process, State

_CGROUPS = Path("/sys/fs/cgroup")


def is_alive(known: State) -> bool:
    """Whether a lab can still be used: it has its bridge, and a host runs."""
    if not network.is_up(known.network):
        return False
    return any(guest.is_running() for guest in known.guests().values())


def remove(known: State) -> None:
    """Remove all of a lab: processes, interfaces, filter rules, files.

    Every step looks for what is there rather than for what should be, so that it also removes what
    a lab has left that was killed at any point; and it looks for the lab's mark, since others may
    have its number, in this network namespace or in one of their own.
    """
    net = known.network
    for process in known.processes.values():
        process.end()
    _kill_containers(net)
    qemu.end(net)
    network.remove(net)
    state.forget(known.number)


def settle() -> None:
    """Give the machine back what it was, where no lab is left that it carries."""
    if not state.numbers() and network.is_free_of_labs():
        machine.restore(state.RUN)


def _kill_containers(net: Network) -> None:
    """End every process in a control group of this lab's containers, then remove the groups.

    LXC names them lxc.payload.NAME and lxc.monitor.NAME (lxc.container.conf(5)); the name has the
    lab's mark.
    """
    marks = tuple(f"/lxc.{part}.{net.hosts_prefix}" for part in ("payload", "monitor"))

    def members() -> list[Process]:
        # In this order: a number that was given anew in between is another process.
        return [one for one in map(Process.of, _processes()) if _is_member(one.pid, marks)]

    def groups() -> list[Path]:
        names = [f"{mark[1:]}*" for mark in marks]
        return [g for name in names for g in (*_CGROUPS.glob(name), *_CGROUPS.glob(f"*/{name}"))]

    for group in groups():
        _thaw(group)
    for process in members():
        process.kill()
    wait_until(lambda: not members(), 30, f"{net.bridge}: end of the hosts' processes")

    def are_gone() -> bool:
        for group in groups():
            _remove_group(group)
        return not groups()

    # A group stays busy until its ended processes are reaped. Where nobody does that, an empty one
    # is left behind, and harms nobody.
    with suppress(LabError):
        wait_until(are_gone, 5, f"{net.bridge}: removal of the control groups")


def _is_member(pid: int, marks: tuple[str, ...]) -> bool:
    return any(mark in _control_groups(pid) for mark in marks)


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _control_groups(pid: int) -> str:
    """Empty for a process that has ended, also where nobody has reaped it yet (a slow PID 1)."""
    try:
        if not Path(f"/proc/{pid}/cmdline").read_bytes():
            return ""
        return Path(f"/proc/{pid}/cgroup").read_text(errors="replace")
    except OSError:
        return ""


def _thaw(group: Path) -> None:
    """A host that a test has let stand still (`Guest.freeze`) hears no signal either where the
    first version of control groups has frozen it (cgroups(7))."""
    with suppress(OSError):
        if (switch := group / "freezer.state").exists():
            switch.write_text("THAWED")


def _remove_group(group: Path) -> None:
    for directory, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(directory)
        except OSError:
            continue
