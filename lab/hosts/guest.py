"""One host of the lab: an overlay clone of an image in an LXC container."""

import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.hosts import machine
from lab.hosts.errors import LabError
from lab.hosts.network import MACHINE, Network
from lab.hosts.shell import SYSTEM_PATH, environment, run

_SSH_PORT = 22
_POLL = 0.02


def wait_until(condition: Callable[[], bool], timeout: float, what: str) -> None:
    """Return as soon as *condition* holds; raise LabError naming *what* after *timeout* seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {timeout:g} s")
        time.sleep(_POLL)


@dataclass(frozen=True)
class Guest:
    """A host: its name, its image, its place on the network, and its files on this machine."""

    name: str
    image: Path
    suffixes: tuple[int, ...]
    network: Network
    guests: Path
    ssh_key: Path
    known_hosts: Path

    @property
    def ipv4(self) -> list[str]:
        """Its IPv4 addresses, the primary one first."""
        return [self.network.ipv4(suffix) for suffix in self.suffixes]

    @property
    def ipv6(self) -> list[str]:
        """Its IPv6 addresses, the primary one first."""
        return [self.network.ipv6(suffix) for suffix in self.suffixes]

    @property
    def container(self) -> str:
        """LXC's name for it, unique on the machine."""
        return f"{self.network.hosts_prefix}{self.name}"

    @property
    def directory(self) -> Path:
        """Its configuration, seed and overlay on this machine."""
        return self.guests / self.container

    @property
    def seed(self) -> Path:
        """The files that it is born with, over those of its image."""
        return self.directory / "seed"

    @property
    def upper(self) -> Path:
        """What differs from the image: the overlay's upper layer."""
        return self.directory / "upper"

    @property
    def is_ubuntu_like(self) -> bool:
        """Whether it configures itself from what its hoster says, network and names included."""
        return (self.image / "etc/cloud").is_dir()

    @property
    def cable(self) -> str:
        """The interface on this machine that joins it to the bridge."""
        return self.network.cable(self.suffixes[0])

    @property
    def is_born(self) -> bool:
        """Whether it has what start() needs; wipe() makes it."""
        return self.upper.is_dir()

    @property
    def pid(self) -> int:
        """The process id of its init on this machine; 0 while it is down."""
        shown = self._lxc("lxc-info", "-p", "-H", check=False).stdout.strip()
        return int(shown) if shown.isdigit() and int(shown) > 0 else 0

    def is_running(self) -> bool:
        """Whether its init runs."""
        return self.pid != 0

    def start(self) -> None:
        """Power on; returns when sshd answers."""
        log = self.directory / "lxc.log"
        log.write_text("")
        argv = ["lxc-start", "-P", str(self.guests), "-n", self.container]
        argv += ["-d", "-o", str(log), "-l", "WARN"]
        started = run(machine.in_own_root(argv), check=False)
        if started.returncode != 0:
            words = f"{started.stderr}{log.read_text()}"[-3000:]
            raise LabError(f"{self.name}: LXC could not start it\n{words}")
        self.wait_for_ssh()

    def wait_for_ssh(self, timeout: float = 120) -> None:
        """Wait until sshd greets on the primary address."""
        wait_until(lambda: _greets(self.ipv4[0], _SSH_PORT), timeout, f"{self.name}: sshd")

    def listens(self, port: int) -> bool:
        """Whether a server in it waits for connections to this TCP port."""
        return "LISTEN" in self.run(f"ss -Hltn sport = :{port}").stdout

    def wait_for_boot(self, timeout: float = 120) -> None:
        """Wait until systemd has started everything; raise LabError naming units that failed."""
        deadline = time.monotonic() + timeout
        state = ""
        while state not in ("running", "degraded"):
            if time.monotonic() > deadline:
                raise LabError(f"{self.name}: systemd is {state or 'silent'} after {timeout:g} s")
            waiting = self.run("systemctl is-system-running --wait", check=False, timeout=timeout)
            state = waiting.stdout.strip()
        if state == "degraded":
            failed = self.run("systemctl --failed --plain --no-legend").stdout.strip()
            raise LabError(f"{self.name}: units failed at boot:\n{failed}")

    def kill(self) -> None:
        """Power off hard, as a failing power supply does."""
        self._lxc("lxc-stop", "-k", check=False)
        wait_until(lambda: not self.is_running(), 10, f"{self.name}: power off")

    def freeze(self) -> None:
        """Let all its processes stand still until thaw(): it takes no processor time."""
        self._lxc("lxc-freeze")

    def thaw(self) -> None:
        """Let its processes go on; nothing happens where they never stopped."""
        self._lxc("lxc-unfreeze")

    def reboot(self) -> None:
        """Reboot in order, from within; returns when systemd has started everything."""
        before = self.pid
        self.run("systemctl reboot", check=False)
        wait_until(lambda: self.pid not in (0, before), 120, f"{self.name}: reboot")
        self.wait_for_ssh()
        self.wait_for_boot()

    def reset(self) -> None:
        """Make it the bare clone again that it was at first."""
        if self.is_running():
            self.kill()
        self.wipe()
        self.start()

    def wipe(self) -> None:
        """Forget all that differs from image and seed. The guest must be down."""
        for layer in ("upper", "olwork", "rootfs"):
            shutil.rmtree(self.directory / layer, ignore_errors=True)
        run(["cp", "-a", str(self.seed), str(self.upper)])
        (self.directory / "rootfs").mkdir()

    def configuration(self, mounts: Sequence[tuple[Path, str]] = ()) -> str:
        """Its LXC configuration (lxc.container.conf(5)).

        *mounts* are pairs of a directory on this machine and where the guest sees it.
        """
        network = self.network
        lines = [
            "lxc.include = /usr/share/lxc/config/common.conf",
            f"lxc.arch = {os.uname().machine}",
            "lxc.apparmor.profile = unconfined",
            f"lxc.uts.name = {self.name}",
            f"lxc.rootfs.path = overlay:{self.image}:{self.upper}",
            f"lxc.console.logfile = {self.directory / 'console.log'}",
            "lxc.net.0.type = veth",
            f"lxc.net.0.link = {network.bridge}",
            f"lxc.net.0.veth.pair = {self.cable}",
            "lxc.net.0.name = eth0",
            f"lxc.net.0.hwaddr = {network.mac(self.suffixes[0])}",
            "lxc.net.0.flags = up",
            # A network takes over what the machine's own is set to; a bare host forwards nothing.
            "lxc.sysctl.net.ipv4.ip_forward = 0",
            *(_addresses(self) if not self.is_ubuntu_like else ()),
            *(
                f"lxc.mount.entry = {source} {target.lstrip('/')} none bind,create=dir 0 0"
                for source, target in mounts
            ),
        ]
        return "\n".join(lines) + "\n"

    def run(
        self,
        command: str | Sequence[str],
        *,
        input: str | None = None,
        check: bool = True,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run *command* (shell text, or a list) in the guest as root, for *timeout* seconds.

        It needs no network and no sshd. Raises LabError when *check* is set and it fails.
        """
        inner = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
        return run(self.enter(*inner), input=input, check=check, timeout=timeout)

    def enter(self, *command: str) -> list[str]:
        """The command line that runs *command* in the guest as root.

        lxc-attach would end outside the guest's root where this machine's root is a chroot.
        """
        pid = self.pid
        if not pid:
            raise LabError(f"{self.name} is down: script/lab up starts it")
        namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
        clean = ["/usr/bin/env", "-i", "HOME=/root", "LANG=C.UTF-8", f"PATH={SYSTEM_PATH}"]
        return ["nsenter", f"--target={pid}", *namespaces, "--root", "--wd", *clean, *command]

    def write_file(self, path: str, content: str, mode: str = "0644") -> None:
        """Replace the file *path* in the guest, owned by root."""
        quoted = shlex.quote(path)
        self.run(
            f"cat > {quoted}.new && chmod {mode} {quoted}.new && mv {quoted}.new {quoted}",
            input=content,
        )

    def read_file(self, path: str) -> str:
        """The text of the file *path* in the guest."""
        return self.run(["cat", path]).stdout

    def ssh(self, *command: str) -> list[str]:
        """The ssh command line that reaches it as root, its host key verified."""
        return ["ssh", *self.ssh_options, f"root@{self.ipv4[0]}", *command]

    @property
    def ssh_options(self) -> list[str]:
        """The lab's key, and no host key but its own (ssh_config(5))."""
        return [
            "-i", str(self.ssh_key),
            "-o", "IdentitiesOnly=yes",
            "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=yes",
            "-o", f"UserKnownHostsFile={self.known_hosts}",
            "-o", "GlobalKnownHostsFile=/dev/null",
        ]  # fmt: skip

    def console(self, *command: str) -> int:
        """Run *command* in the guest on this terminal; return its exit status."""
        return subprocess.run(self.enter(*command), check=False, env=environment()).returncode

    def _lxc(
        self,
        program: str,
        *arguments: str,
        input: str | None = None,
        check: bool = True,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        argv = [program, "-P", str(self.guests), "-n", self.container, *arguments]
        return run(argv, input=input, check=check, timeout=timeout)


def _greets(address: str, port: int) -> bool:
    """Whether a server on address and port speaks first, as SSH and SMTP servers do."""
    try:
        with socket.create_connection((address, port), timeout=1) as connection:
            return connection.recv(4) != b""
    except OSError:
        return False


def _addresses(guest: Guest) -> Iterator[str]:
    network = guest.network
    yield from (f"lxc.net.0.ipv4.address = {address}/24" for address in guest.ipv4)
    yield from (f"lxc.net.0.ipv6.address = {address}/64" for address in reversed(guest.ipv6))
    yield f"lxc.net.0.ipv4.gateway = {network.ipv4(MACHINE)}"
    yield f"lxc.net.0.ipv6.gateway = {network.ipv6(MACHINE)}"
