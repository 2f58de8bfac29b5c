"""What the lab changes on this machine, and gives back when the last lab is gone."""

import os
import shlex
from pathlib import Path

from lab.hosts.errors import LabError
from lab.hosts.shell import run

_INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
_INOTIFY_NEEDED = 1024

_CONTROL_GROUPS = Path("/sys/fs/cgroup")

# Never below a directory that the lab removes: the whole machine may be seen through it.
_ROOT = Path("/run/postroad-lab/root")


def check() -> None:
    """Raise LabError, with what to do, where no lab can run."""
    if os.geteuid() != 0:
        raise LabError("the lab makes networks and hosts: run it as root")
    for place in ("/proc/self", "/sys/class/net", "/dev/null"):
        if not Path(place).exists():
            raise LabError(f"{place} is not there: mount /proc, /sys and /dev in this root first")


def prepare(notes: Path) -> None:
    """Let this machine carry many hosts; write to the directory *notes* what was changed.

    systemd takes several inotify instances a host: at the kernel's 128, hosts past the 25th
    die without a word. A root entered by chroot may have no control groups mounted.
    """
    before = _INOTIFY.read_text().strip()
    if int(before) < _INOTIFY_NEEDED:
        (notes / "inotify-before").write_text(before)
        _INOTIFY.write_text(str(_INOTIFY_NEEDED))
    if not _mounts_of("cgroup", "cgroup2"):
        run(["mount", "-t", "cgroup2", "cgroup2", str(_CONTROL_GROUPS)])
        (notes / "control-groups-mounted").touch()


def restore(notes: Path) -> None:
    """Undo what prepare() noted, and what in_own_root() left."""
    while str(_ROOT) in _mounts_of():
        run(["umount", "--lazy", str(_ROOT)])
    if _ROOT.exists():
        _ROOT.rmdir()
    inotify = notes / "inotify-before"
    if inotify.exists():
        _INOTIFY.write_text(inotify.read_text())
        inotify.unlink()
    mounted = notes / "control-groups-mounted"
    if mounted.exists():
        run(["umount", str(_CONTROL_GROUPS)])
        mounted.unlink()


def in_own_root(argv: list[str]) -> list[str]:
    """The command that runs *argv* where pivot_root(2) and user namespaces work, as LXC needs it.

    In a root entered by chroot they do not: it is no mount point, and whoever is in one may make no
    user namespace (user_namespaces(7)). There, the command runs in a mount namespace of its own,
    whose root is a copy of this one. Entering a namespace, be it the own one, leads to its root and
    so out of the chroot (setns(2)), where this machine's own programs change the roots.
    """
    if "/" in _mounts_of():
        return argv
    _ROOT.mkdir(parents=True, exist_ok=True)
    change = (
        f'mount --make-rprivate / && pivot_root . .{_ROOT} && umount --lazy {_ROOT} && exec "$@"'
    )
    script = (
        f"mount --rbind / {_ROOT} && cd {_ROOT} && exec nsenter --mount=/proc/self/ns/mnt --wd=."
        f' sh -c {shlex.quote(change)} sh "$@"'
    )
    return ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c", script, "sh", *argv]


def _mounts_of(*kinds: str) -> list[str]:
    """The mount points that this process sees, of the file systems *kinds* if any are given.

    See proc(5) on mountinfo: the kind comes after a lone dash.
    """
    points = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if not kinds or after.split()[0] in kinds:
            points.append(before.split()[4])
    return points
