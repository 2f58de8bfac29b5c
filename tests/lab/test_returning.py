"""Bounces find their way home: to inbound on another host, and to names that were given up."""

from __future__ import annotations

from collections.abc import Iterator
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from lab.mail import road, shop
from lab.world.client import SmtpReply
from postroad.mail.return_paths import RETURNED, RETURNING
from tests.lab import host as inside
from tests.lab import mail
from tests.lab.variants import Variant, variant

OLD, NEW = "bounce.shop.example", "return.shop.example"


@pytest.fixture
def as_declared(deployed: Lab) -> Iterator[Lab]:
    """The lab, which is as declared again afterwards: hosts, names and web host."""
    yield deployed
    deploy()
    # What the test has given up is let go, and then nothing of it is known any more.
    age(deployed)
    deploy()
    for guest in deployed.targets.values():
        guest.run(f"rm -rf {RETURNED}")
    deployed.dns.load_zone("shop.example.", [])
    for _ in range(2):
        road.publish(deployed)
        deploy()
    road.serve_policies(deployed)
    assert road.plan() == []
    mail.flows(deployed)


def deploy() -> None:
    """Deploy what the lab's estate declares."""
    done = road.deploy()
    assert done.returncode == 0, done.stdout + done.stderr


def age(lab: Lab) -> None:
    """Have every mark tell that no queue can hold mail any more."""
    for guest in lab.targets.values():
        guest.run(
            f"[ ! -d {RETURNING} ] || find {RETURNING} -type f -exec touch -d '-30 days' {{}} +"
        )


@pytest.fixture
def inbound_elsewhere(as_declared: Lab, tmp_path: Path) -> Variant:
    """Campaigns leave by mail1 alone, and what comes back comes to mail2 alone."""
    hosts: Any = shop.estate(as_declared)["hosts"]
    mail1 = {**hosts["mail1"], "inbound": False}
    receipts = {"transactional": hosts["mail2"]["ways_out"]["transactional"]}
    mail2 = {**hosts["mail2"], "ways_out": receipts}
    return variant(tmp_path, {"hosts": {"mail1": mail1, "mail2": mail2}})


@pytest.fixture
def renamed(as_declared: Lab, tmp_path: Path) -> Variant:
    """Receipts have another envelope domain."""
    declared: Any = shop.estate(as_declared)
    receipts = {**declared["streams"]["transactional"], "envelope_domain": NEW}
    streams = {**declared["streams"], "transactional": receipts}
    return variant(tmp_path, {"hosts": declared["hosts"], "streams": streams})


def settle(lab: Lab, other: Variant) -> str:
    """Deploy what was declared and publish its names, until there is nothing to do."""
    said = ""
    for _ in range(2):
        done = other.deploy()
        assert done.returncode == 0, done.stdout + done.stderr
        said = done.stdout + done.stderr
        road.publish(lab, other.inventory)
    assert other.plan() == []
    return said


def bounce_from_outside(lab: Lab, guest: Guest, to: str, subject: str) -> SmtpReply:
    """A report of somebody else's mail server, handed in at port 25 of a host."""
    return lab.outsider.submit(
        guest.ipv4[0],
        25,
        mail_from="",
        rcpts=[to],
        message=f"From: mailer-daemon@outsider.lab.example\r\nSubject: {subject}\r\n\r\n".encode(),
        helo="outsider.lab.example",
    )


def comes_back(guest: Guest, maildir: str, subject: str) -> None:
    """A report with this subject, its own or that of the mail in it, arrives in a Maildir."""

    def is_there() -> bool:
        return any(subject in one.as_string() for one in inside.mailbox(guest, maildir))

    wait_until(is_there, 60, f"{guest.name}: {subject} in {maildir}")


def test_bounces_come_to_the_host_that_takes_mail_in(
    as_declared: Lab, inbound_elsewhere: Variant
) -> None:
    settle(as_declared, inbound_elsewhere)
    road.serve_policies(as_declared, inbound_elsewhere.inventory)
    mail1, mail2 = as_declared.targets["mail1"], as_declared.targets["mail2"]
    assert not mail1.listens(25)
    refused = mail.hand_in(as_declared, "mail1", "marketing", to="reject")
    comes_back(mail2, "marketing/bounces", refused.subject)
    reply = bounce_from_outside(
        as_declared, mail2, "bounce+42@bounce.news.shop.example", "your letter of May"
    )
    assert reply.is_accepted, reply
    comes_back(mail2, "marketing/bounces", "your letter of May")
    audit = road.postroad("audit", str(inbound_elsewhere.inventory))
    assert audit.returncode == 0, audit.stdout + audit.stderr


def test_what_was_sent_under_an_old_name_still_comes_back(
    as_declared: Lab, renamed: Variant
) -> None:
    guests = list(as_declared.targets.values())
    waiting = mail.hand_in(as_declared, "mail2", "transactional", to="defer")
    mail2 = as_declared.targets["mail2"]
    wait_until(
        lambda: inside.queued(mail2, "transactional", "deferred") == 1, 30, "mail2: deferred"
    )
    planned = " ".join(entry["name"] for entry in renamed.plan())
    assert f"bounce@{OLD} (still taken until 20" in planned
    said = settle(as_declared, renamed)
    assert f"Bounces to {OLD} are still taken, until 20" in " ".join(said.split())
    # The new name is in use.
    letter = mail.WRITTEN["transactional"](as_declared.providers["bigmail"].address("alice"))
    server, port = mail.DOORS["mail1", "transactional"]
    reply = as_declared.app.submit(
        server,
        port,
        mail_from=f"bounce@{NEW}",
        rcpts=[letter.recipient],
        message=letter.message.as_bytes(policy=SMTP),
        user=shop.USERS["transactional"],
        password=shop.password(shop.USERS["transactional"]),
    )
    assert reply.is_accepted, reply
    as_declared.providers["bigmail"].wait_for(letter.subject)
    # From outside, and from a queue of ours that had it before.
    for guest in guests:
        for number, to in enumerate((f"bounce@{OLD}", f"bounce+7@{OLD}", f"fbl@{OLD}")):
            subject = f"an old name, {guest.name}, {number}"
            reply = bounce_from_outside(as_declared, guest, to, subject)
            assert reply.is_accepted, reply
            folder = "complaints" if to.startswith("fbl") else "bounces"
            comes_back(guest, f"transactional/{folder}", subject)
    mail2.run("postsuper -c /etc/postfix-transactional -f ALL deferred")
    mail2.run("postqueue -c /etc/postfix-transactional -f")
    comes_back(mail2, "transactional/bounces", waiting.subject)
    # When no queue can hold any, a run lets it go, and whoever still comes is told.
    age(as_declared)
    planned = " ".join(entry["name"] for entry in renamed.plan())
    assert f"bounce@{OLD} (let go: no queue can hold mail with it)" in planned
    settle(as_declared, renamed)
    for guest in guests:
        reply = bounce_from_outside(as_declared, guest, f"bounce+7@{OLD}", "too late")
        assert not reply.is_accepted
        assert "550" in str(reply)
        assert "no mail with it can be under way" in str(reply)
        inside.wait_for_log(guest, "inbound", "was given up: it is no return path of ours any more")
