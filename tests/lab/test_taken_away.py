"""What is taken away from a host: closed, drained, removed, with nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from lab.mail import road, shop
from postroad.settings.ports import SYSTEM_MAIL_PORT
from tests.lab import host as inside
from tests.lab import mail
from tests.lab.plans import changed
from tests.lab.runs import deploy_twice
from tests.lab.variants import Variant, variant

MAIL2 = ("--limit", "mail2")
# Files of the bare host that a deploy has replaced.
BEFORE = (
    "/etc/hostname",
    "/etc/hosts",
    "/etc/postfix/master.cf",
    "/etc/resolv.conf",
    "/etc/ufw/before.rules",
    "/etc/ufw/before6.rules",
    "/etc/unbound/unbound.conf",
)
# What of ours is the operator's to delete.
STAYS = {
    "/etc/letsencrypt/archive/postroad",
    "/etc/letsencrypt/live/postroad",
    "/etc/letsencrypt/renewal/postroad.conf",
    "/var/log/postroad",
    "/var/mail/postroad",
}
UNITS = "systemctl list-units --plain --no-legend 'postroad-*.service'"


def is_deferred_again(guest: Guest) -> None:
    """The one campaign that is closed in has been tried, and waits once more."""
    wait_until(lambda: inside.queued(guest, "marketing", "deferred") == 1, 30, "deferred again")


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
    assert "2587" not in listening(guest)
    is_deferred_again(guest)
    # Inbound stays for what may come back of the campaign: of that the next run has nothing to do
    # but to wait.
    assert "25" in listening(guest)
    assert receipts_alone.plan(*MAIL2) == []
    queue = road.postroad("queue", str(receipts_alone.inventory))
    assert "mail2 marketing: 1 message" in queue.stdout
    # It cannot be delivered after all: its report comes in by loopback.
    guest.run("postsuper -c /etc/postfix-marketing -f ALL deferred")
    guest.run("postqueue -c /etc/postfix-marketing -f")
    wait_until(lambda: inside.queued(guest, "marketing") == 0, 30, "marketing: drained")
    assert inside.mailbox(guest, "marketing/bounces")
    done = receipts_alone.deploy(*MAIL2)
    assert done.returncode == 0, done.stdout + done.stderr
    # What waits is tried at once, not when its time has come: so inbound is drained by now.
    wait_until(lambda: inside.queued(guest, "inbound") == 0, 10, "inbound: drained")
    assert [m["Subject"] for m in inside.mailbox(guest, "postmaster")].count(COMPLAINT) == 1
    assert "25" not in listening(guest)
    # It is removed, unless it was drained so soon that the run before has done that too.
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


def test_a_host_leaves_when_its_mail_is_delivered(as_declared: Lab) -> None:
    guest = as_declared.targets["mail2"]
    before = {path: guest.read_file(f"/var/lib/postroad/before{path}") for path in BEFORE}
    defer_a_campaign(as_declared, guest)
    said = leave()
    assert "marketing still has 1 message to deliver" in said
    # It takes nothing but what may come back.
    assert listening(guest) & DOORS == {"25"}
    assert "not allowed to submit" in guest.run("echo | sendmail root 2>&1 || :").stdout
    # It is delivered by the configuration that accepted it: all of that is there.
    assert len(guest.run(UNITS).stdout.splitlines()) == 10
    is_deferred_again(guest)
    inside.empty(guest, "marketing")
    said = leave()
    assert "mail2 has left the estate" in said
    assert "mail2.shop.example  A\n" in said
    assert "-mail2._domainkey.news.shop.example  TXT\n" in said
    assert set(guest.run("find / -xdev -name '*postroad*' -prune").stdout.split()) == STAYS
    assert guest.run("grep -rl 'Written by postroad' /etc || :").stdout == ""
    assert {path: guest.read_file(path) for path in BEFORE} == before
    assert guest.run(UNITS).stdout == ""
    assert not listening(guest) & {"53", *DOORS}
    assert "bigmail" in guest.run("getent hosts mx.bigmail.example").stdout
    rules = guest.run("ufw status").stdout
    assert "Status: active" in rules
    assert {line.rpartition("# ")[2] for line in rules.splitlines() if "ALLOW" in line} == {"ssh"}
    guest.wait_for_boot()  # No unit has failed.
    # It came in by a fresh connection, and has nothing to do.
    again = road.leave("--json", *MAIL2)
    assert changed(again) == {}


COMPLAINT = "your campaign is a nuisance"


def leave() -> str:
    """What a run says by which mail2 leaves."""
    done = road.leave(*MAIL2)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


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


# What closes with mail.
DOORS = {"25", "465", "587", "2465", "2587", str(SYSTEM_MAIL_PORT)}


def listening(guest: Guest) -> set[str]:
    """The TCP ports that the host listens on."""
    rows = guest.run("ss -Hltn").stdout.splitlines()
    return {row.split()[3].rpartition(":")[2] for row in rows}
