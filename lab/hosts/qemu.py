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
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.hosts.errors import LabError
from lab.hosts.guest import Guest, wait_until
from lab.hosts.network import MACHINE, Network
from lab.hosts.shell import SYSTEM_PATH, run

_PROGRAM = "qemu-system-x86_64"
_MEMORY = 1024  # MB
_DISK = "8G"  # sparse
# How much slower an emulated processor is than the machine's own.
_SLOWNESS = 20
_PATIENCE = 900.0  # seconds

_KERNEL = (
    "root=/dev/vda",
    "rw",
    "console=ttyS0",
    "quiet",
    "net.ifnames=0",
    "panic=1",
    # A unit that is slow to start here is not dead (systemd's own is 90 s).
    f"systemd.default_timeout_start_sec={_PATIENCE:.0f}",
)

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
        """LabError: what a machine has comes from a container."""
        raise LabError(f"{self.name} is a machine: script/lab up --target makes a bare host of it")

    def fill_disk(self) -> None:
        """Put what the container had onto a disk. The guest must be down."""
        # In a mount namespace of its own, so that nothing stays mounted.
        script = """
mount -t overlay -o "ro,lowerdir=$1:$2" merged /mnt
cp -L /mnt/vmlinuz "$3/vmlinuz"
cp -L /mnt/initrd.img "$3/initrd.img"
rm -f "$3/disk.raw"
mke2fs -q -t ext4 -d /mnt "$3/disk.raw" "$4"
"""
        places = [str(self.upper), str(self.image), str(self.directory)]
        run(["unshare", "--mount", "sh", "-e", "-c", script, "sh", *places, _DISK], timeout=600)

    def run(
        self,
        command: str | Sequence[str],
        *,
        input: str | None = None,
        check: bool = True,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """As in a container, with *timeout* for a host that is not emulated."""
        return super().run(command, input=input, check=check, timeout=timeout * _SLOWNESS)

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
            "-kernel", str(self.directory / "vmlinuz"),
            "-initrd", str(self.directory / "initrd.img"),
            "-append", " ".join(_KERNEL),
            # The guest's flushes reach this machine's page cache, and the file after it.
            "-drive", f"file={self.disk},format=raw,if=virtio,cache=writeback",
            # The interface goes with the process.
            "-netdev", f"tap,id=lab,ifname={self.cable},script=no,downscript=no",
            "-device", f"virtio-net-pci,netdev=lab,mac={mac},romfile=",
            "-device", "virtio-rng-pci",
        ]  # fmt: skip


def furnish(guest: Guest) -> None:
    """Give a host in a container what only a machine needs: kernel, devices, network, disk."""
    options = f"-qq -o Acquire::http::Proxy={guest.network.forwarder}"
    guest.run(f"apt-get {options} update", timeout=300)
    guest.run(
        f"DEBIAN_FRONTEND=noninteractive apt-get {options} -y --no-install-recommends install"
        " initramfs-tools linux-image-cloud-amd64 udev </dev/null",
        timeout=900,
    )
    addresses = [f"{address}/24" for address in guest.ipv4]
    addresses += [f"{address}/64" for address in reversed(guest.ipv6)]
    guest.write_file(
        "/etc/systemd/network/lab.network",
        _NETWORK.format(
            mac=guest.network.mac(guest.suffixes[0]),
            addresses="\n".join(f"Address={address}" for address in addresses),
            ipv4_gateway=guest.network.ipv4(MACHINE),
            ipv6_gateway=guest.network.ipv6(MACHINE),
        ),
    )
    guest.run("systemctl --quiet enable systemd-networkd.service")
    guest.write_file("/etc/fstab", "/dev/vda / ext4 errors=remount-ro 0 1\n")


def end(network: Network) -> None:
    """End every machine of a lab; their interfaces go with them."""

    def members() -> list[int]:
        running = _running().items()
        return [pid for name, pid in running if name.startswith(network.hosts_prefix)]

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
