"""Packages are upgraded under hosts that send: every daemon is a new one afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.faults import upgrades
from lab.hosts.guest import Guest
from lab.life.session import Lab
from lab.mail import road, traffic
from tests.lab import downtimes, mail
from tests.lab.runs import deploy_twice
from tests.lab.test_refresh import REPLACE
from tests.long.conftest import Record

# Their configuration files are ours, so dpkg asks about each; nobody is there to answer
# (unattended-upgrades keeps such a package back unless apt is told).
REINSTALL = r"""
set -e
apt-get -qq update
installed=$(dpkg-query -W -f '${Package}\n' dovecot-core 'libssl3*' opendkim postfix unbound)
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --reinstall install $installed </dev/null
"""
UPGRADE = """
set -e
sed -i s/bookworm/trixie/g /etc/apt/sources.list $(ls /etc/apt/sources.list.d/* 2>/dev/null)
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq -y full-upgrade </dev/null
"""
# As Ubuntu's servers have it: whatever is outdated is restarted without a question.
NEEDRESTART = """
set -e
DEBIAN_FRONTEND=noninteractive apt-get -qq -y install needrestart </dev/null
printf '%s\\n' '$nrconf{restart} = "a";' > /etc/needrestart/conf.d/lab.conf
"""
WITHOUT_NEEDRESTART = (
    "DEBIAN_FRONTEND=noninteractive apt-get -qq -y --auto-remove purge needrestart </dev/null"
    " && rm -rf /etc/needrestart"
)
VERSIONS = "dpkg-query -W -f '${source:Package} ${Version}\\n'"
FOREIGN = "/etc/opendkim.conf"
DROP_IN = "/run/systemd/system/postroad-postfix@marketing.service.d"
BREAK = f"""
set -e
{REPLACE}
mkdir {DROP_IN}
printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' > {DROP_IN}/broken.conf
systemctl daemon-reload
"""


def one_after_another(guest: Guest, since: float) -> None:
    """Both streams were restarted since then, and never were both down."""
    for name in downtimes.STREAMS:
        assert downtimes.of(guest, name, since), downtimes.words(guest, since)
    assert downtimes.together(guest, since) == []


def test_a_reinstallation_leaves_no_old_daemon(deployed: Lab, record: Record) -> None:
    with traffic.flowing(deployed) as flow:
        flow.wait_for(2, "accepted")
        for guest in deployed.targets.values():
            since = downtimes.now(guest)
            guest.run(REINSTALL, timeout=300)
            upgrades.wait_until_refreshed(guest)
            one_after_another(guest, since)
            flow.wait_for(2, "accepted", timeout=90)
        found = flow.tally()
    record("packages reinstalled", 2, found)
    assert found.is_clean, found
    assert road.plan() == []


@pytest.fixture
def offered(deployed: Lab) -> Iterator[Lab]:
    """Upgrades for both hosts, needrestart beside ours, and a file that somebody edited."""
    for guest in deployed.targets.values():
        upgrades.offer(guest)
        guest.run(NEEDRESTART, timeout=300)
        guest.run(f"cp -p {FOREIGN} /run/foreign-kept && echo '# by hand' >> {FOREIGN}")
    done = road.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    yield deployed
    for guest in deployed.targets.values():
        guest.run(WITHOUT_NEEDRESTART, timeout=300)
        upgrades.withdraw(guest)
        guest.run(f"cp -p /run/foreign-kept {FOREIGN}")
    # The file for needrestart went with its folder.
    done = road.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    assert road.plan() == []


def test_unattended_upgrades_reach_every_daemon_one_stream_after_another(
    offered: Lab, record: Record
) -> None:
    with traffic.flowing(offered) as flow:
        flow.wait_for(2, "accepted")
        for guest in offered.targets.values():
            since = downtimes.now(guest)
            upgrades.install_unattended(guest)
            upgrades.wait_until_refreshed(guest)
            one_after_another(guest, since)
            flow.wait_for(2, "accepted", timeout=90)
        found = flow.tally()
    record("unattended upgrade", 2, found)
    assert found.is_clean, found
    for guest in offered.targets.values():
        listed = (line.split() for line in guest.run(VERSIONS).stdout.splitlines())
        versions = [version for source, version in listed if source in upgrades.SOURCES]
        assert versions
        assert all(version.endswith("+lab1") for version in versions), versions
        # dpkg would have asked about ours and about the edited one: it left what it had beside it.
        assert "# by hand" in guest.read_file(FOREIGN)
        for path in ("/etc/unbound/unbound.conf", FOREIGN):
            assert "# upgraded by the lab" in guest.read_file(f"{path}.dpkg-dist")
        log = guest.read_file("/var/log/unattended-upgrades/unattended-upgrades.log")
        assert "All upgrades installed" in log
        # What the tally flushed is in inbound's log: it has no queue that could be.
        guest.run("touch /var/lib/postroad/applied/tools")
    assert road.plan() == []
    audit = road.postroad("audit", str(road.INVENTORY))
    assert audit.returncode == 0, audit.stdout


@pytest.fixture
def broken(deployed: Lab) -> Iterator[Guest]:
    """mail1 after an upgrade of libssl, with a marketing stream that does not start any more."""
    guest = deployed.targets["mail1"]
    guest.run(BREAK)
    yield guest
    guest.run(
        f"rm -r {DROP_IN}; systemctl daemon-reload; systemctl start --wait {upgrades.REFRESH}"
    )
    upgrades.wait_until_refreshed(guest)
    mail.flows(deployed)
    assert road.plan() == []


def test_a_stream_that_does_not_come_back_keeps_the_other_as_it_is(
    deployed: Lab, broken: Guest
) -> None:
    since = downtimes.now(broken)
    again = ["systemctl", "start", "--wait", upgrades.REFRESH]
    assert broken.run(again, check=False, timeout=180).returncode
    said = downtimes.words(broken, since)
    assert "marketing does not come back: postroad-postfix@marketing.service is" in said
    assert "left on the older programs: transactional" in said
    # Neither does the next upgrade touch it.
    broken.run(again, check=False, timeout=180)
    assert "transactional was not restarted: marketing does not" in downtimes.words(broken, since)
    assert downtimes.of(broken, "transactional", since) == []
    mail.flows(deployed, [("mail1", "transactional")])
    audit = road.postroad("audit", str(road.INVENTORY), "-k", "mail1")
    assert audit.returncode == 1
    for named in (
        f"{upgrades.REFRESH} has failed",
        "postroad-postfix@transactional.service still runs an older",
    ):
        assert named in audit.stdout, audit.stdout


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
