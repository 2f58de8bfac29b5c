"""The audit sees what is broken: each check is seen to fail on a host that is broken in its way.

A broken host fails exactly the checks that a case names, so that what an earlier case left behind
would be seen too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab.hosts import here
from lab.hosts.guest import Guest
from lab.life.session import Lab
from lab.mail import road
from tests.lab.seeded import CASES, COMPLAINT, FILES, RULES, VERIFY, WORLD, Case

AUDIT = (sys.executable, "-m", "postroad", "audit")
HOST = "mail1"
ESTATE = "the estate"


@dataclass(frozen=True)
class Heard:
    """What one call of ``postroad audit`` said."""

    status: int
    output: str
    results: list[dict[str, str]]

    def of(self, verdict: str) -> dict[str, str]:
        """The checks with this verdict, and what they say."""
        return {r["check"]: r["detail"] for r in self.results if r["verdict"] == verdict}

    def of_the_estate(self) -> dict[str, str]:
        """The checks of the estate as a whole that are not ok."""
        return {
            r["check"]: r["detail"]
            for r in self.results
            if r["host"] == ESTATE and r["verdict"] != "ok"
        }


Audit = Callable[..., Heard]


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    """``postroad audit inventories/lab.py``, as an operator calls it."""

    def call(*options: str) -> Heard:
        report = tmp_path / "report.json"
        done = subprocess.run(
            [*AUDIT, str(road.INVENTORY), "--json", str(report), *options],
            cwd=here.CLONE,
            env={**os.environ, "PYTHONPATH": str(here.CLONE)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        results = json.loads(report.read_text()) if report.exists() else []
        return Heard(done.returncode, f"{done.stdout}{done.stderr}", results)

    return call


@pytest.fixture
def host(deployed: Lab) -> Guest:
    """A deployed host. Its logs' past does not count: other tests break things on purpose."""
    for guest in deployed.targets.values():
        guest.run("touch /var/lib/postroad/applied/tools")
    return deployed.hosts[HOST]


@pytest.fixture
def world(deployed: Lab) -> Iterator[Lab]:
    """The lab, whose DNS may be spoilt: it is as the model says again afterwards."""
    yield deployed
    road.publish(deployed)


def test_healthy_hosts_have_no_fault(host: Guest, audit: Audit, tmp_path: Path) -> None:
    """Every check of both hosts passes, and every form of report says so."""
    junit = tmp_path / "junit.xml"
    heard = audit("--junit", str(junit))
    assert heard.status == 0, heard.output
    assert {r["verdict"] for r in heard.results} == {"ok"}
    assert {r["host"] for r in heard.results} == {"mail1", "mail2", ESTATE}
    cases = ElementTree.parse(junit).getroot().iter("testcase")
    assert len(list(cases)) == len(heard.results)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_is_seen(case: Case, host: Guest, audit: Audit) -> None:
    """The checks that the case names fail with what it names, and no other check."""
    is_seen(case, host, audit)


def is_seen(case: Case, host: Guest, audit: Audit) -> None:
    """Break the host, hear the audit, mend the host; and compare."""
    try:
        host.run(case.breaking)
        heard = audit("-k", HOST)
    finally:
        host.run(case.mending, timeout=180)
    wrong = heard.of("wrong")
    assert set(wrong) - case.perhaps == set(case.said), heard.output
    assert heard.status == 1
    for check, words in case.said.items():
        assert words in wrong[check]
        assert "\n  mend: " in wrong[check]


def test_a_missing_address_is_seen(host: Guest, audit: Audit) -> None:
    """An address of a way out that the host has lost."""
    address = host.ipv4[2]
    shown = host.run(f"ip -o -4 address show to {address}").stdout.split()
    device, prefix = shown[1], shown[3]
    host.run(f"ip address del {prefix} dev {device}")
    try:
        wrong = audit("-k", HOST).of("wrong")
    finally:
        # A service whose daemon died at once is not started again for a minute (master(8)).
        host.run(
            f"ip address add {prefix} dev {device}; systemctl restart postroad-postfix@marketing"
        )
    # Each program of Postfix ends with the parameter that it cannot do without.
    lost = {
        "postfix.addresses_are_on_the_host",
        "submission.listeners_answer",
        COMPLAINT,
    }
    assert "inet_interfaces" in wrong[COMPLAINT]
    # A daemon of Postfix that happens to start meanwhile says "no local interface found", and dies.
    wrong.pop("logs.logs_are_quiet", None)
    assert set(wrong) == lost, wrong
    assert (
        f"{address}, from which marketing mail leaves" in wrong["postfix.addresses_are_on_the_host"]
    )


# Files of a queue that go on, for as long as an audit may take, in an order of their own.
MUCH_MAIL_MOVES = """
import os, random, time
names = [f"A{number}" for number in range(5000)]
for name in names:
    open(name, "w").close()
random.shuffle(names)
for name in names:
    os.unlink(name)
    time.sleep(0.002)
"""


def test_mail_on_its_way_is_no_complaint(host: Guest, audit: Audit) -> None:
    """Queue files go while the audit looks; here they are some that no daemon minds."""
    place = "/var/spool/postfix-marketing/bounce"
    unit = ["systemd-run", "--quiet", "--collect", "--unit=audit-busy", "--property=User=postfix"]
    host.run([*unit, f"--working-directory={place}", "python3", "-c", MUCH_MAIL_MOVES])
    try:
        seen = "postfix -c /etc/postfix-marketing check-warn 2>&1 | grep -q 'No such file'"
        host.run(f"until {seen}; do :; done")
        heard = audit("-k", HOST)
    finally:
        host.run(f"systemctl stop audit-busy.service; find {place} -name 'A*' -delete")
    assert heard.status == 0, heard.output


def test_the_named_mend_mends(host: Guest, audit: Audit) -> None:
    """What a fault says under "mend" is a command that works as it stands."""
    host.run("ufw delete allow 25/tcp >/dev/null")
    fault = audit("-k", HOST).of("wrong")[RULES]
    command = fault.partition("\n  mend: ")[2].splitlines()[0].split()
    assert command[0] == "pyinfra"
    assert road.pyinfra(*command[1:]).returncode == 0
    assert audit("-k", HOST).status == 0


def test_what_the_world_misses_is_seen(world: Lab, audit: Audit) -> None:
    """What is required is wrong; what is recommended is a doubt, as what nobody knows."""
    world.dns.withdraw("_dmarc.shop.example.")
    world.dns.withdraw("_smtp._tls.bounce.shop.example.")
    heard = audit("-k", "names")
    assert set(heard.of("wrong")) == {"names.dmarc_is_as_declared"}
    assert set(heard.of("unknown")) == {"names.tls_is_announced_as_it_is"}
    fault = heard.of("wrong")["names.dmarc_is_as_declared"]
    assert "shop.example has no DMARC record" in fault
    assert '\n  mend: publish _dmarc.shop.example. 60 IN TXT "v=DMARC1; p=none;' in fault
    doubt = heard.of("unknown")["names.tls_is_announced_as_it_is"]
    assert "recommended: _smtp._tls.bounce.shop.example has no TLS reporting record" in doubt


def test_a_key_that_is_not_published_is_seen(host: Guest, world: Lab, audit: Audit) -> None:
    """The signature verifies for nobody, though the signer does its work."""
    selector = host.run("basename /etc/postroad/marketing/keys/*/*.pem .pem").stdout.strip()
    world.dns.withdraw(f"{selector}._domainkey.news.shop.example.", "TXT")
    road.forget_names(world)
    wrong = audit("-k", HOST).of("wrong")
    assert set(wrong) == {VERIFY, WORLD}
    assert "its key is not in the DNS" in wrong[VERIFY]
    assert f"{selector}._domainkey.news.shop.example" in wrong[WORLD]


def test_a_wrong_record_is_seen(host: Guest, world: Lab, audit: Audit) -> None:
    """An open stream whose SPF record is gone."""
    world.dns.withdraw("bounce.news.shop.example.", "TXT")
    road.forget_names(world)
    wrong = audit("-k", HOST).of("wrong")
    assert set(wrong) == {WORLD}
    assert "v=spf1" in wrong[WORLD]


def test_no_answer_is_no_fault(host: Guest, world: Lab, audit: Audit) -> None:
    """Names that nobody answers for are unknown: a warning, never a reason to change a record."""
    host.run("unbound-control -q local_zone news.shop.example. always_refuse")
    try:
        heard = audit("-k", HOST, "--nagios")
    finally:
        host.run("unbound-control -q local_zone_remove news.shop.example.")
    assert heard.of("wrong") == {}
    assert set(heard.of("unknown")) == {VERIFY, WORLD}
    assert heard.status == 1
    assert heard.output.startswith("POSTROAD WARNING - mail1: ")
    assert len(heard.output.splitlines()) == 1


def test_a_closed_stream_is_seen(host: Guest, world: Lab, audit: Audit) -> None:
    """A stream that has lost its latch while the world cannot verify it."""
    latch = "/var/lib/postroad/opened/marketing"
    host.run(f"mv {latch} /run/audit-latch")
    world.dns.withdraw("bounce.news.shop.example.", "TXT")
    road.forget_names(world)
    try:
        wrong = audit("-k", HOST).of("wrong")
    finally:
        host.run(f"mv /run/audit-latch {latch}")
    assert set(wrong) == {FILES, "dns.streams_are_open"}
    assert "the marketing stream takes no mail" in wrong["dns.streams_are_open"]


def test_a_silent_host_is_seen(host: Guest, audit: Audit) -> None:
    """It alone is wrong; of all else nothing is known, and the other host is judged as ever.

    What it alone can tell of the estate's names, its keys, is not known either.
    """
    host.run("systemctl stop ssh.service")
    try:
        heard = audit("--nagios")
    finally:
        host.run("systemctl start ssh.service")
        host.wait_for_ssh()
    assert set(heard.of("wrong")) == {"reach.the_host_answers"}
    assert {r["host"] for r in heard.results if r["verdict"] == "unknown"} == {HOST, ESTATE}
    assert set(heard.of_the_estate()) == {
        "names.dkim_records_are_those_of_the_keys",
        "names.whoever_is_asked_answers",
    }
    assert {r["verdict"] for r in heard.results if r["host"] == "mail2"} == {"ok"}
    assert heard.status == 2
    assert heard.output.startswith("POSTROAD CRITICAL - mail1: reach.the_host_answers: mail1: no ")
    assert len(heard.output.splitlines()) == 1


def test_an_inventory_that_does_not_load_is_told(lab: Lab, audit: Audit, tmp_path: Path) -> None:
    """Nothing is audited, so nothing is well: 3 for Nagios."""
    nowhere = str(tmp_path / "nowhere.py")
    done = subprocess.run(
        [*AUDIT, nowhere, "--nagios"],
        cwd=here.CLONE,
        env={**os.environ, "PYTHONPATH": str(here.CLONE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert done.stdout == (
        f"POSTROAD UNKNOWN - {nowhere}: there is no such inventory file; name one that is, as"
        " inventories/lab.py or inventories/prod.py or inventories/vagrant.py\n"
    )
