"""What an operator asks of a running estate: what waits and why, and what became of a message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import road
from lab.guest import wait_until
from lab.session import Lab
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
    assert "signed with 2026" in said
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
