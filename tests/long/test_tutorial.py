"""The commonly copied tutorial, set up to the letter: found broken line by line, and taken over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.hosts.guest import Guest
from lab.images import tutorial
from lab.life.session import Lab
from lab.mail import road
from postroad.host.paths import BEFORE
from tests.lab import mail
from tests.lab.runs import deploy_twice
from tests.lab.variants import variant


@pytest.fixture
def by_hand(deployed: Lab) -> Iterator[Guest]:
    """mail2 as a reader of the tutorial has it; as declared again afterwards."""
    guest = deployed.targets["mail2"]
    guest.reset()
    guest.wait_for_boot()
    guest.run(tutorial.setup("mail2.shop.example", deployed.apt_proxy), timeout=300)
    yield guest
    deploy_twice(deployed)
    assert road.plan() == []


def test_the_tutorial_s_host_is_found_broken_and_taken_over(
    deployed: Lab, by_hand: Guest, tmp_path: Path
) -> None:
    was = by_hand.run("cat /etc/postfix/main.cf").stdout
    # Each in a folder of its own, and none above the other: its group_data would be read as well.
    as_it_is, declared = tmp_path / "as-it-is", tmp_path / "declared"
    as_it_is.mkdir()
    declared.mkdir()
    asis = variant(as_it_is, {})
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
    # Its signer never ran, which is no fault of the host any more.
    assert by_hand.run("systemctl --failed --plain --no-legend").stdout == ""
    # Nothing is in the way any more, and what is ours is not called somebody else's.
    assert road.postroad("survey", str(taken.inventory)).stdout == "mail2: nothing in the way\n"
