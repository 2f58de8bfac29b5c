"""What an operator asks of a running estate: what waits and why, and what became of a message."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.hosts.guest import wait_until
from lab.life.session import Lab
from lab.mail import letters, road, shop
from tests.lab import host as inside
from tests.lab import mail

INVENTORY = str(road.INVENTORY)


def asked(*words: str, status: int = 0) -> str:
    done = road.postroad(*words)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def deferred(deployed: Lab) -> Iterator[str]:
    """A message of mail1's marketing stream whose mailbox is full for ever; gone afterwards."""
    guest = deployed.hosts["mail1"]
    inside.empty(guest, "marketing")
    letter = mail.hand_in(deployed, "mail1", "marketing", to="defer")
    wait_until(lambda: inside.queued(guest, "marketing", "deferred") == 1, 30, "deferred")
    yield str(letter.message["Message-ID"])
    inside.empty(guest, "marketing")


def test_the_queues_say_who_keeps_what_waiting(deferred: str, tmp_path: Path) -> None:
    place = tmp_path / "queues.json"
    said = asked("queue", INVENTORY, "--json", str(place))
    assert "mail1 marketing: 1 message, the oldest " in said
    assert "  deferred  1 recipient at bigmail.example, up to " in said
    assert "            452 4.2.2" in said
    assert "nothing waits: mail1 transactional, mail1 inbound, mail1 default, mail2" in said
    rows: list[dict[str, Any]] = json.loads(place.read_text())
    (full,) = [row for row in rows if row["messages"]]
    assert (full["host"], full["instance"]) == ("mail1", "marketing")
    assert [group["recipients"] for group in full["groups"]] == [1]
    assert "mail1 marketing" not in asked("queue", INVENTORY, "--instance", "transactional")


def test_a_message_is_explained_by_each_of_its_names(deployed: Lab, tmp_path: Path) -> None:
    letter = mail.hand_in(deployed, "mail2", "transactional")
    deployed.providers["bigmail"].wait_for(letter.subject)
    place = tmp_path / "story.json"
    said = asked("explain", INVENTORY, str(letter.message["Message-ID"]), "--json", str(place))
    (of_mail2,) = [one for one in json.loads(place.read_text()) if one["stories"]]
    (story,) = of_mail2["stories"]
    assert (story["host"], story["instance"]) == ("mail2", "transactional")
    assert [r["outcome"] for r in story["recipients"]] == ["delivered"]
    assert f"mail2 transactional {story['queue_id']}: delivered\n" in said
    app = deployed.hosts["app"]
    assert any(f"taken from {a}, logged in as shop\n" in said for a in (*app.ipv4, *app.ipv6))
    assert re.search(r"signed with \d{6}[a-z]?-mail2\._domainkey\.", said)
    assert "<alice@bigmail.example>: delivered to mx.bigmail.example[" in said
    assert "left the queue" in said
    assert asked("explain", INVENTORY, story["queue_id"]) == said
    assert f" {story['queue_id']}: delivered\n" in asked("explain", INVENTORY, letter.recipient)


def test_a_message_that_waits_is_explained(deferred: str) -> None:
    said = asked("explain", INVENTORY, deferred)
    assert ": waits\n" in said
    assert "<defer@bigmail.example>: put off by mx.bigmail.example[" in said


def test_what_no_log_knows_is_told(deployed: Lab) -> None:
    said = asked("explain", INVENTORY, "nobody@nowhere.example", status=1)
    assert said == (
        "no log of any host knows nobody@nowhere.example: it was never handed in, or its log is"
        " rotated\n"
    )


def test_what_a_run_would_change_is_shown_line_by_line(
    deployed: Lab, mended: None, tmp_path: Path
) -> None:
    assert (
        asked("diff", INVENTORY) == "mail1: nothing would change\n\nmail2: nothing would change\n"
    )
    guest = deployed.hosts["mail1"]
    guest.run(
        "sed -i 's/^queue_minfree .*/queue_minfree = 7/' /etc/postfix-marketing/main.cf"
        " && echo 'shop:{PLAIN}by-hand' >> /etc/postroad/marketing/users"
        " && systemctl stop logrotate.timer && ufw deny 9999/tcp"
    )
    place = tmp_path / "diff.json"
    said = asked("diff", INVENTORY, "--json", str(place), status=1)
    assert "      -queue_minfree = 7\n" in said
    assert "    logrotate.timer (is inactive, not active)\n" in said
    assert "    /etc/postroad/marketing/users (content)\n      its content is a secret" in said
    assert "by-hand" not in said + place.read_text()
    assert "deny 9999/tcp" in said
    assert "mail2: nothing would change\n" in said
    assert {part["title"] for part in json.loads(place.read_text())["mail1"]} == {
        "logs",
        "marketing",
        "ufw",
    }


def paused(verb: str, stream: str = "marketing") -> str:
    done = road.pause(stream, verb)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def resumed(deployed: Lab) -> Iterator[Lab]:
    """The lab, whose streams run again afterwards."""
    yield deployed
    paused("resume")
    assert road.plan() == []


def test_a_stopped_stream_takes_and_delivers_nothing_until_it_is_resumed(resumed: Lab) -> None:
    guest = resumed.hosts["mail1"]
    letter = mail.hand_in(resumed, "mail1", "marketing", to="defer")
    wait_until(lambda: inside.queued(guest, "marketing", "deferred") == 1, 30, "deferred")
    paused("stop")
    for host in resumed.targets:
        reply = mail.offer(
            resumed,
            host,
            letters.campaign(letter.recipient),
            shop.password(shop.USERS["marketing"]),
        )
        assert (reply.code, reply.is_accepted) == (451, False)
        assert "marketing is closed: stopped by its operator" in reply.text
    skip = len(inside.log(guest, "marketing"))
    guest.run("postqueue -c /etc/postfix-marketing -f")
    said = inside.wait_for_log(guest, "marketing", r"status=deferred \((.*)\)", skip)
    assert said[1] == "marketing is stopped by its operator"
    # The other stream does not notice, runs leave it as it is, and the audit reminds of it.
    mail.flows(resumed, [("mail1", "transactional")])
    assert road.plan() == []
    audit = road.postroad("audit", INVENTORY, "--nagios", "-k", "streams_are_open")
    assert audit.returncode == 1
    assert "the marketing stream is stopped by its operator; to resume it:" in audit.stdout
    paused("resume")
    # What was put off is tried at once.
    inside.wait_for_log(guest, "marketing", r"status=deferred \(host mx\.bigmail", skip)
    mail.flows(resumed)
    inside.empty(guest, "marketing")


def test_a_drained_stream_takes_nothing_and_delivers_what_it_has(resumed: Lab) -> None:
    guest = resumed.hosts["mail1"]
    waiting = mail.hand_in(resumed, "mail1", "marketing", to="defer")
    wait_until(lambda: inside.queued(guest, "marketing", "deferred") == 1, 30, "deferred")
    paused("drain")
    reply = mail.offer(
        resumed,
        "mail1",
        letters.campaign(waiting.recipient),
        shop.password(shop.USERS["marketing"]),
    )
    assert "451 4.7.1" in f"{reply.code} {reply.text}"
    assert "marketing is closed: drained by its operator" in reply.text
    skip = len(inside.log(guest, "marketing"))
    guest.run("postqueue -c /etc/postfix-marketing -f")
    inside.wait_for_log(guest, "marketing", r"status=deferred \(host mx\.bigmail", skip)
    inside.empty(guest, "marketing")
    done = road.deploy()
    assert done.returncode == 0
    assert "Publish these records" not in done.stdout + done.stderr
    assert "marketing stream is closed on mail1, mail2: drained by its operator" in (
        done.stdout + done.stderr
    )


# master hears of the reload a second later than systemd would be done, if it did not wait for it.
RELOAD_OF_A_SLOW_MASTER = """
read -r master < /var/spool/postfix-marketing/pid/master.pid
postkick -c /etc/postfix-marketing public qmgr W
until old=$(pgrep -x -P $master qmgr); do sleep 0.05; done
kill -STOP $master
{ until grep -q '^ShdPnd:.*1$' /proc/$master/status; do sleep 0.05; done
sleep 1; kill -CONT $master; } &
systemctl reload postroad-postfix@marketing.service
test ! -d /proc/$old
"""


def test_a_reload_is_done_when_the_daemons_know_of_it(deployed: Lab) -> None:
    """What the old queue manager is told in its last moment would be lost with it."""
    guest = deployed.targets["mail1"]
    try:
        guest.run(RELOAD_OF_A_SLOW_MASTER)
    finally:
        guest.run("kill -CONT $(cat /var/spool/postfix-marketing/pid/master.pid)")


@pytest.mark.parametrize(
    ("stream", "verb", "words"),
    [
        ("newsletter", "stop", "stream=newsletter is none of transactional, marketing"),
        ("marketing", "pause", "do=pause is none of stop, drain, resume"),
    ],
)
def test_what_cannot_be_meant_is_refused(deployed: Lab, stream: str, verb: str, words: str) -> None:
    done = road.pause(stream, verb)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert road.plan() == []
