"""A host of the lab with a kernel, a disk and a clock of its own: QEMU, without KVM.

What a container cannot show is shown here. When QEMU is killed, the guest's memory is gone and the
disk has what the guest's kernel had written to it: that is a power failure as a kernel and its
page cache see it. What QEMU had written stays in this machine's page cache, so a disk that lies
about its own cache is not part of it.

KVM is never used, also where /dev/kvm is there: a machine that is itself a guest may have the
device and not the means.
"""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.guest import Guest, Seed, wait_until
from lab.network import MACHINE, Network
from lab.shell import SYSTEM_PATH, run

_PROGRAM = "qemu-system-x86_64"
_MEMORY = 1024  # MB
_DISK = "8G"  # sparse
# An emulated processor is ten to twenty times slower than the machine's own.
_PATIENCE = 600.0  # seconds

_NETWORK = """\
[Match]
MACAddress={mac}

[Network]
{addresses}
Gateway={ipv4_gateway}
Gateway={ipv6_gateway}
IPv6AcceptRA=no
IPv6DuplicateAddressDetection=0
"""


@dataclass(frozen=True)
class Machine(Guest):
    """A host that is emulated to its last register."""

    @property
    def disk(self) -> Path:
        """Its disk on this machine: one ext4 file system, without partitions."""
        return self.directory / "disk.raw"

    @property
    def pid(self) -> int:
        """The process id of its QEMU; 0 while it is down."""
        return _running().get(self.container, 0)

    @property
    def is_born(self) -> bool:
        """Whether it has a disk."""
        return self.disk.exists()

    def configuration(self, mounts: Sequence[tuple[Path, str]] = ()) -> str:
        """QEMU's arguments, one a line (qemu-system(1)); *mounts* are for containers."""
        if mounts:
            raise LabError(f"{self.name}: a machine of its own shares no directories")
        return "\n".join(self._arguments()) + "\n"

    def furnish(self, seed: Seed) -> None:
        """Addresses and disk, which a container has from outside."""
        addresses = [f"{address}/24" for address in self.ipv4]
        addresses += [f"{address}/64" for address in reversed(self.ipv6)]
        seed.file(
            "/etc/systemd/network/lab.network",
            _NETWORK.format(
                mac=self.network.mac(self.suffixes[0]),
                addresses="\n".join(f"Address={address}" for address in addresses),
                ipv4_gateway=self.network.ipv4(MACHINE),
                ipv6_gateway=self.network.ipv6(MACHINE),
            ),
        )
        seed.enable("systemd-networkd.service")
        seed.file("/etc/fstab", "/dev/vda / ext4 errors=remount-ro 0 1\n")

    def start(self) -> None:
        """Power on; returns when sshd answers."""
        arguments = (self.directory / "config").read_text().splitlines()
        run([_PROGRAM, *arguments, "-daemonize"])
        run(["ip", "link", "set", self.cable, "master", self.network.bridge, "up"])
        self.wait_for_ssh()

    def wait_for_ssh(self, timeout: float = _PATIENCE) -> None:
        """Wait until it lets root in."""
        wait_until(
            lambda: run([*self.ssh(), "true"], check=False, timeout=120).returncode == 0,
            timeout,
            f"{self.name}: sshd (see {self.directory / 'console.log'})",
        )

    def wait_for_boot(self, timeout: float = _PATIENCE) -> None:
        """Wait until systemd has started everything; raise LabError naming units that failed."""
        super().wait_for_boot(timeout)

    def kill(self) -> None:
        """Power off hard: what its kernel has not written to the disk is gone."""
        pid = self.pid
        if pid:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.is_running(), 30, f"{self.name}: power off")
        self._hang_up()

    def reboot(self) -> None:
        """Reboot in order, from within; returns when systemd has started everything."""
        asked = ["cat", "/proc/sys/kernel/random/boot_id"]
        before = self.run(asked).stdout
        self.run("systemctl reboot", check=False)
        self._hang_up()
        wait_until(
            lambda: self.run(asked, check=False).stdout not in ("", before),
            _PATIENCE,
            f"{self.name}: reboot",
        )
        self.wait_for_boot()

    def wipe(self) -> None:
        """A new disk: image and seed. The guest must be down."""
        self.disk.unlink(missing_ok=True)
        new = self.disk.with_suffix(".new")
        new.unlink(missing_ok=True)
        # In a mount namespace of its own, so that nothing stays mounted.
        script = (
            'mount -t overlay -o "ro,lowerdir=$1:$2" merged /mnt'
            f' && exec mke2fs -q -t ext4 -L root -d /mnt "$3" {_DISK}'
        )
        places = [str(self.seed), str(self.image), str(new)]
        run(["unshare", "--mount", "sh", "-c", script, "sh", *places], timeout=300)
        new.rename(self.disk)

    def enter(self, *command: str) -> list[str]:
        """The command line that runs *command* in the guest as root: over SSH."""
        if not self.is_running():
            raise LabError(f"{self.name} is down: script/lab up starts it")
        clean = ["/usr/bin/env", "-i", "HOME=/root", "LANG=C.UTF-8", f"PATH={SYSTEM_PATH}"]
        return self.ssh(shlex.join([*clean, *command]))

    @property
    def ssh_options(self) -> list[str]:
        """Commands share a connection: an emulated processor takes a second to make one."""
        return [
            *super().ssh_options,
            "-o", "ConnectTimeout=20",
            "-o", "ControlMaster=auto",
            "-o", f"ControlPath={self.directory / 'ssh'}",
            "-o", "ControlPersist=120",
        ]  # fmt: skip

    def _hang_up(self) -> None:
        """End the shared connection."""
        run(["ssh", *self.ssh_options, "-O", "exit", self.ipv4[0]], check=False)

    def _arguments(self) -> list[str]:
        mac = self.network.mac(self.suffixes[0])
        return [
            "-name", self.container,
            "-machine", "pc,accel=tcg",
            "-cpu", "max",
            "-smp", "2",
            "-m", str(_MEMORY),
            "-nodefaults",
            "-no-user-config",
            "-display", "none",
            "-serial", f"file:{self.directory / 'console.log'}",
            "-kernel", str(_only(self.image, "vmlinuz-*")),
            "-initrd", str(_only(self.image, "initrd.img-*")),
            "-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0 panic=1",
            # The guest's flushes reach this machine's page cache, and the file after it.
            "-drive", f"file={self.disk},format=raw,if=virtio,cache=writeback",
            # The interface goes with the process.
            "-netdev", f"tap,id=lab,ifname={self.cable},script=no,downscript=no",
            "-device", f"virtio-net-pci,netdev=lab,mac={mac},romfile=",
            "-device", "virtio-rng-pci",
        ]  # fmt: skip


def end(network: Network) -> None:
    """End every machine of a lab; their interfaces go with them."""

    def members() -> list[int]:
        return [pid for name, pid in _running().items() if name.startswith(f"{network.bridge}-")]

    for pid in members():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not members(), 30, f"{network.bridge}: end of the machines")


def _running() -> dict[str, int]:
    """The process id of every machine on this machine, by its name (the first argument)."""
    found = {}
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_text(errors="replace").split("\0")
        except OSError:
            continue
        if Path(words[0]).name == _PROGRAM and words[1] == "-name":
            found[words[2]] = int(place.parent.name)
    return found


def _only(image: Path, pattern: str) -> Path:
    """The one file of the image's /boot that matches."""
    found = list((image / "boot").glob(pattern))
    if len(found) != 1:
        raise LabError(f"{image}/boot: {len(found)} files {pattern}, not one")
    return found[0]
