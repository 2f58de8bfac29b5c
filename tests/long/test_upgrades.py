"""Packages are upgraded under hosts that send: every daemon is a new one afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import road, traffic
from lab.guest import Guest
from lab.session import Lab
from tests.lab import mail
from tests.lab.runs import deploy_twice
from tests.long.conftest import Record

# Their configuration files are ours, so dpkg asks about each; nobody is there to answer
# (unattended-upgrades keeps such a package back unless apt is told).
REINSTALL = r"""
set -e
apt-get -qq update
installed=$(dpkg-query -W -f '${Package}\n' dovecot-core 'libssl3*' opendkim postfix unbound)
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --reinstall install $installed </dev/null
"""
OLD_PROGRAMS = "ls -l /proc/[0-9]*/exe 2>/dev/null | grep -E '(deleted)' || :"
OURS = ("postfix", "opendkim", "dovecot", "unbound")
UPGRADE = """
set -e
sed -i s/bookworm/trixie/g /etc/apt/sources.list $(ls /etc/apt/sources.list.d/* 2>/dev/null)
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq -y full-upgrade </dev/null
"""


def test_a_reinstallation_leaves_no_old_daemon(deployed: Lab, record: Record) -> None:
    with traffic.flowing(deployed) as flow:
        flow.wait_for(2, "accepted")
        for guest in deployed.targets.values():
            guest.run(REINSTALL, timeout=300)
            flow.wait_for(2, "accepted", timeout=90)
        found = flow.books()
    record("packages reinstalled", 2, found)
    assert found.is_clean, found
    for guest in deployed.targets.values():
        old = guest.run(OLD_PROGRAMS).stdout
        assert not [name for name in OURS if name in old], old
    assert road.plan() == []


@pytest.fixture
def bookworm(deployed: Lab) -> Iterator[Guest]:
    """mail2's neighbour, on Debian 12; as it was afterwards."""
    guest = deployed.targets["mail1"]
    assert "bookworm" in guest.read_file("/etc/os-release")
    yield guest
    guest.reset()
    guest.wait_for_boot()
    deploy_twice(deployed, "mail1")
    assert road.plan() == []


def test_a_new_release_converges_again(deployed: Lab, bookworm: Guest) -> None:
    keys = bookworm.run("sha256sum /etc/postroad/*/keys/*/*.pem").stdout
    bookworm.run(UPGRADE, timeout=1200)
    bookworm.reboot()
    assert "trixie" in bookworm.read_file("/etc/os-release")
    done = road.deploy("--limit", "mail1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert road.plan() == []
    assert bookworm.run("sha256sum /etc/postroad/*/keys/*/*.pem").stdout == keys
    mail.flows(deployed)
