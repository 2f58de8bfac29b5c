"""What is taken away from a host: closed, drained, removed, with nothing lost."""

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
from tests.lab.runs import deploy_twice
from tests.lab.variants import Variant, variant

MAIL2 = ("--limit", "mail2")


@pytest.fixture
def as_declared(deployed: Lab) -> Iterator[Lab]:
    """The lab, whose mail2 is as declared again afterwards."""
    yield deployed
    deploy_twice(deployed)
    assert road.plan() == []
    mail.flows(deployed, [door for door in mail.DOORS if door[0] == "mail2"])


@pytest.fixture
def receipts_alone(as_declared: Lab, tmp_path: Path) -> Variant:
    """mail2 without the marketing stream, and without inbound."""
    hosts: Any = shop.estate(as_declared)["hosts"]
    kept = {"transactional": hosts["mail2"]["ways_out"]["transactional"]}
    less = {**hosts["mail2"], "ways_out": kept, "inbound": False}
    return variant(tmp_path, {"hosts": {**hosts, "mail2": less}})


def test_what_is_taken_away_is_drained_first(as_declared: Lab, receipts_alone: Variant) -> None:
    guest = as_declared.targets["mail2"]
    defer_a_campaign(as_declared, guest)
    defer_a_complaint(as_declared, guest)
    done = receipts_alone.deploy(*MAIL2)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "marketing is taken away from this host and still delivers 1 message" in (
        done.stdout + done.stderr
    )
    assert not listening(guest) & {"25", "2587"}
    assert inside.queued(guest, "marketing", "deferred") == 1
    # What waits is tried at once, not when its time has come: so inbound is drained by now.
    wait_until(lambda: inside.queued(guest, "inbound") == 0, 10, "inbound: drained")
    assert [m["Subject"] for m in inside.mailbox(guest, "postmaster")].count(COMPLAINT) == 1
    # Of what waits yet, the next run has nothing to do but to wait.
    (planned,) = receipts_alone.plan(*MAIL2)
    assert planned["name"].endswith("Taken away: mail2: inbound (to be removed)")
    queue = road.postroad("queue", str(receipts_alone.inventory))
    assert "mail2 marketing: 1 message" in queue.stdout
    inside.empty(guest, "marketing")
    done = receipts_alone.deploy(*MAIL2)
    assert done.returncode == 0, done.stdout + done.stderr
    left = guest.run(
        "ls -d /etc/postfix-* /etc/postroad/* /var/spool/postfix-* /var/lib/postfix-*;"
        " systemctl list-units --all --plain --no-legend 'postroad-*'"
    ).stdout
    assert "transactional" in left
    assert "marketing" not in left
    assert "inbound" not in left
    assert receipts_alone.plan(*MAIL2) == []
    mail.flows(as_declared, [("mail2", "transactional")])


COMPLAINT = "your campaign is a nuisance"


def defer_a_campaign(lab: Lab, guest: Guest) -> None:
    """Leave one message in the marketing queue, whose mailbox is full for ever."""
    inside.empty(guest, "marketing")
    mail.hand_in(lab, guest.name, "marketing", to="defer")
    wait_until(lambda: inside.queued(guest, "marketing", "deferred") == 1, 30, "deferred")


def defer_a_complaint(lab: Lab, guest: Guest) -> None:
    """Leave one message in the queue of inbound, whose mailbox could not be written to."""
    folder = "/var/mail/postroad/postmaster"
    guest.run(f"rm -rf {folder}; touch {folder}")
    reply = lab.outsider.submit(
        guest.ipv4[0],
        25,
        mail_from="ann@outsider.lab.example",
        rcpts=["abuse@bounce.news.shop.example"],
        message=f"From: ann@outsider.lab.example\r\nSubject: {COMPLAINT}\r\n\r\nStop.\r\n".encode(),
        helo="outsider.lab.example",
    )
    assert reply.is_accepted, reply
    wait_until(lambda: inside.queued(guest, "inbound", "deferred") == 1, 30, "deferred")
    guest.run(f"rm {folder}; install -d -o postroad-mail -g postroad-mail -m 700 {folder}")


def listening(guest: Guest) -> set[str]:
    """The TCP ports that the host listens on."""
    rows = guest.run("ss -Hltn").stdout.splitlines()
    return {row.split()[3].rpartition(":")[2] for row in rows}
