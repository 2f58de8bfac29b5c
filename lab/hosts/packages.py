"""The Debian packages that the lab, and Vagrant with LXC, need on this machine."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.hosts.shell import run

# debian-archive-keyring: on Ubuntu it is what makes Debian suites verifiable. strace: sees the
# arguments of every program that a run starts.
NEEDED = (
    "apt-cacher-ng",
    "debian-archive-keyring",
    "iproute2",
    "lxc",
    "mmdebstrap",
    "nftables",
    "openssh-client",
    "strace",
)
# What `vagrant up --provider=lxc` needs, and building a box for it. bridge-utils and dnsmasq-base:
# lxc-net gives guests a bridge and DHCP by them.
VAGRANT = (
    "bridge-utils",
    "debian-archive-keyring",
    "dnsmasq-base",
    "iproute2",
    "iptables",
    "lxc",
    "mmdebstrap",
    "vagrant",
    "vagrant-lxc",
)

# Who judges a host, for those who ask them (lab/faults/judges.py); the lab itself runs without.
JUDGES = ("lynis", "testssl.sh")

# For hosts with a kernel of their own: `script/test power`.
FOR_MACHINES = ("e2fsprogs", "qemu-system-x86")

# For what comes from npm: a library that shops send by, and Haraka in a benchmark.
FOR_NPM = ("npm",)

# Judges every script that goes to a host.
FOR_SCRIPTS = ("shellcheck",)

# Units that a package enables for the machine's next boot. The lab starts its own processes.
_UNWANTED_UNITS = {
    "apt-cacher-ng": ("apt-cacher-ng.service",),
    "lxc": ("lxc.service", "lxc-net.service", "lxc-monitord.service"),
    "nftables": ("nftables.service",),
}

_POLICY = Path("/usr/sbin/policy-rc.d")


def missing(wanted: Sequence[str]) -> list[str]:
    """Those of the *wanted* packages that are not installed."""
    shown = run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n", *wanted], check=False
    )
    installed = {
        line.split()[0] for line in shown.stdout.splitlines() if line.endswith(" installed")
    }
    return [name for name in wanted if name not in installed]


def ensure(wanted: Sequence[str] = NEEDED) -> list[str]:
    """Install what is missing, in one call, starting nothing; return what was installed.

    Raises LabError where apt-get fails.
    """
    absent = missing(wanted)
    if not absent:
        return []
    with _nothing_starts():
        # A fresh machine has no package lists; a stale list names files that are gone.
        run(["apt-get", "-q", "update"], timeout=600)
        run(["apt-get", "-q", "-y", "--no-install-recommends", "install", *absent], timeout=1800)
    # A machine without systemd starts none of them anyway.
    if shutil.which("systemctl"):
        for package in absent:
            for unit in _UNWANTED_UNITS.get(package, ()):
                run(["systemctl", "disable", unit], check=False)
    return absent


@contextmanager
def _nothing_starts() -> Iterator[None]:
    """Deny every service start while packages are installed (policy-rc.d, Debian Policy §9.3)."""
    if _POLICY.exists():
        yield
        return
    with tempfile.NamedTemporaryFile("w", dir=_POLICY.parent, delete=False) as policy:
        policy.write("#!/bin/sh\nexit 101\n")
    Path(policy.name).chmod(0o755)
    Path(policy.name).rename(_POLICY)
    try:
        yield
    finally:
        _POLICY.unlink()
