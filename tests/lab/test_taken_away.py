"""A stream that is taken away from a host: closed, drained, removed, with nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import road, shop
from lab.guest import Guest, wait_until
from lab.session import Lab
from tests.lab import host as inside
from tests.lab import mail
from tests.lab.variants import Variant, variant


@pytest.fixture
def without_marketing(deployed: Lab, tmp_path: Path) -> Iterator[Variant]:
    """mail2 without the marketing stream; as declared again afterwards."""
    declared: Any = shop.estate(deployed)
    mail2 = declared["hosts"]["mail2"]
    kept = "transactional"
    yield variant(
        tmp_path,
        {
            "hosts": {"mail2": {**mail2, "ways_out": {kept: mail2["ways_out"][kept]}}},
            "streams": {kept: declared["streams"][kept]},
        },
    )
    for _ in range(2):
        done = road.deploy("--limit", "mail2")
        assert done.returncode == 0, done.stdout + done.stderr
        # Its key is a new one, and its resolver has just heard of the old one.
        road.publish(deployed)
        deployed.targets["mail2"].run("unbound-control -q flush_zone .")
    assert road.plan() == []
    mail.flows(deployed, [("mail2", "marketing")])


def test_a_stream_is_taken_away_when_its_mail_is_delivered(
    deployed: Lab, without_marketing: Variant
) -> None:
    guest = deployed.targets["mail2"]
    inside.empty(guest, "marketing")
    mail.hand_in(deployed, "mail2", "marketing", to="defer")
    wait_until(lambda: inside.queued(guest, "marketing", "deferred") == 1, 30, "deferred")
    done = without_marketing.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    # A run with mail left says so, and the next one has nothing to do but to wait.
    assert "marketing is taken away from this host and still delivers 1 message" in (
        done.stdout + done.stderr
    )
    assert ":2587" not in _listening(guest)
    assert inside.queued(guest, "marketing", "deferred") == 1
    assert without_marketing.plan() == []
    queue = road.postroad("queue", str(without_marketing.inventory))
    assert "mail2 marketing: 1 message" in queue.stdout
    inside.empty(guest, "marketing")
    done = without_marketing.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    left = guest.run(
        "ls -d /etc/*marketing* /etc/postroad/* /var/spool/*marketing* 2>/dev/null || :"
    )
    assert "marketing" not in left.stdout
    units = guest.run("systemctl list-units --all --plain --no-legend 'postroad-*'").stdout
    assert "marketing" not in units
    assert without_marketing.plan() == []
    mail.flows(deployed, [("mail2", "transactional")])


def _listening(guest: Guest) -> str:
    return guest.run("ss -Hltn").stdout
