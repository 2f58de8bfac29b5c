"""A host that was somebody's mail server before: nothing of it is lost, and it becomes ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import road, tutorial
from lab.guest import Guest
from lab.session import Lab
from postroad.paths import BEFORE
from tests.lab import mail
from tests.lab.variants import variant

EXIM = """
printf 'Acquire::http::Proxy "%s";\\n' {proxy} > /etc/apt/apt.conf.d/90lab
apt-get -q update && apt-get -q -y --no-install-recommends install exim4-daemon-light
rm /etc/apt/apt.conf.d/90lab
# A message that no queue run of the daemon takes: frozen, as those that came back twice are.
systemctl stop exim4
printf 'Subject: still here\\n\\n' | exim4 -odq root@mail2
exim4 -Mf "$(exim4 -bpr | awk 'NF >= 3 {{ print $3; exit }}')"
systemctl start exim4
"""


@pytest.fixture
def exims(deployed: Lab) -> Iterator[Guest]:
    """mail2 as Debian's exim4 has it, with a message in its queue; as declared again afterwards."""
    guest = deployed.targets["mail2"]
    guest.reset()
    guest.wait_for_boot()
    guest.run(EXIM.format(proxy=deployed.apt_proxy), timeout=300)
    yield guest
    _deploy_twice(deployed)
    assert road.plan() == []


def _deploy_twice(lab: Lab) -> None:
    for _ in range(2):
        done = road.deploy("--limit", "mail2")
        assert done.returncode == 0, done.stdout + done.stderr
        # Its keys and its certificate are new, and its resolver has just heard of the old ones.
        road.publish(lab)
        lab.targets["mail2"].run("unbound-control -q flush_zone .")


def test_a_host_with_exim_is_taken_when_its_queue_is_empty(deployed: Lab, exims: Guest) -> None:
    done = road.deploy("--limit", "mail2")
    assert done.returncode != 0
    assert "Exim still has 1 message in its own queue" in done.stdout + done.stderr
    assert exims.run("exim4 -bpc").stdout == "1\n"
    assert "postfix" not in exims.run("dpkg-query -W -f '${Package}\\n'").stdout.split()
    exims.run("exim4 -qff; while exim4 -bpc | grep -qv '^0'; do sleep 0.2; done", timeout=30)
    assert "Subject: still here" in exims.run("cat /var/mail/*").stdout
    _deploy_twice(deployed)
    exims.wait_for_boot()  # No unit has failed: not what was replaced, nor what replaced it.
    assert "exim4" not in exims.run("ps -e -o comm=").stdout
    mail.flows(deployed, [door for door in mail.DOORS if door[0] == "mail2"])


@pytest.fixture
def by_hand(deployed: Lab) -> Iterator[Guest]:
    """mail2 as a reader of the tutorial has it; as declared again afterwards."""
    guest = deployed.targets["mail2"]
    guest.reset()
    guest.wait_for_boot()
    guest.run(tutorial.setup("mail2.shop.example", deployed.apt_proxy), timeout=300)
    yield guest
    _deploy_twice(deployed)
    assert road.plan() == []


def test_the_tutorial_s_host_is_found_broken_and_taken_over(
    deployed: Lab, by_hand: Guest, tmp_path: Path
) -> None:
    was = by_hand.run("cat /etc/postfix/main.cf").stdout
    asis = variant(tmp_path, {})
    report = tmp_path / "survey.json"
    said = road.postroad("survey", str(asis.inventory), "--json", str(report))
    assert said.returncode == 1, said.stdout + said.stderr
    assert "/etc/opendkim.conf:8: TrustedHosts" in said.stdout
    assert "/etc/postfix/main.cf: smtp_tls_security_level (not set)" in said.stdout
    assert "`allow 443/tcp`" in said.stdout
    (found,) = json.loads(report.read_text())
    assert len(found["findings"]) == 21
    (offer,) = found["offers"]
    assert tutorial.KEY not in offer
    # The run says the same, before it changes anything.
    refused = asis.deploy()
    assert refused.returncode != 0
    assert "`allow 22/tcp`, `allow 443/tcp`" in (refused.stdout + refused.stderr)
    assert by_hand.run("cat /etc/postfix/main.cf").stdout == was
    # Declared: the rules may go, and the key is the estate's.
    declared = tmp_path / "declared"
    declared.mkdir()
    taken = variant(declared, {"firewall": {"adopt": "purge"}, "dkim_keys": [json.loads(offer)]})
    for _ in range(2):
        done = taken.deploy()
        assert done.returncode == 0, done.stdout + done.stderr
        road.publish(deployed, taken.inventory)
        by_hand.run("unbound-control -q flush_zone .")
    assert taken.plan() == []
    assert by_hand.run(f"cat {BEFORE}/etc/postfix/main.cf").stdout == was
    assert by_hand.run(f"stat -c %a {BEFORE}").stdout == "700\n"
    assert "443" not in by_hand.run("ufw status").stdout
    letter = mail.hand_in(deployed, "mail2", "transactional")
    arrived = deployed.providers["bigmail"].wait_for(letter.subject)
    assert f"s={tutorial.LONG_SELECTOR};" in str(arrived.message["DKIM-Signature"])
    assert "dkim=pass" in " ".join(arrived.authentication_results)
    # Nothing is in the way any more, and what is ours is not called somebody else's.
    assert road.postroad("survey", str(taken.inventory)).stdout == "mail2: nothing in the way\n"
