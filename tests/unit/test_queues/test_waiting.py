"""What waits, as people and programs are told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from postroad.watch.queues import WAITING, Queue, as_json, duration, queues, text

NOW = 100_000.0


def group(queue: str, place: str, reply: str, recipients: int, age: float) -> dict[str, Any]:
    return {
        "queue": queue,
        "place": place,
        "reply": reply,
        "recipients": recipients,
        "oldest": NOW - age,
    }


def instance(*groups: dict[str, Any]) -> dict[str, Any]:
    recipients = sum(row["recipients"] for row in groups)
    oldest = min((row["oldest"] for row in groups), default=None)
    return {
        "messages": recipients,
        "octets": 10,
        "oldest": oldest,
        "groups": list(groups),
        "why": "",
    }


def waiting(**said: dict[str, Any]) -> list[Queue]:
    return list(queues("mail1", WAITING.read([json.dumps(said)])))


def test_hosts_of_one_provider_that_say_the_same_are_one_group() -> None:
    (queue,) = waiting(
        marketing=instance(
            group("deferred", "mx1.bigmail.co.uk", "451 Later", 5, 10),
            group("deferred", "mx2.bigmail.co.uk", "451 Later", 7, 90),
            group("deferred", "mx2.bigmail.co.uk", "421 No", 1, 20),
        )
    )
    found = [(g.provider, g.reply, g.recipients, NOW - g.oldest) for g in queue.groups]
    assert found == [("bigmail.co.uk", "451 Later", 12, 90), ("bigmail.co.uk", "421 No", 1, 20)]


def test_a_person_reads_what_hurts_first() -> None:
    found = waiting(
        marketing=instance(
            group("active", "a.example", "", 2, 3),
            group("deferred", "mx.bigmail.example", "451 4.7.1 Later", 1_200, 7_800),
            group("deferred", "", "", 4, 60),
        ),
        transactional=instance(),
        inbound=instance(),
    )
    assert text(found, NOW) == (
        "mail1 marketing: 1,206 messages, the oldest 2 h 10 min old\n"
        "  deferred  1,200 recipients at bigmail.example, up to 2 h 10 min\n"
        "            451 4.7.1 Later\n"
        "  deferred  4 recipients at all others, up to 1 min\n"
        "  active    2 recipients at a.example, up to 3 s\n"
        "\n"
        "nothing waits: mail1 transactional, mail1 inbound\n"
    )


def test_a_program_gets_all_of_it() -> None:
    found = waiting(marketing=instance(group("hold", "a.example", "", 1, 0)))
    (row,) = json.loads(as_json(found))
    assert (row["host"], row["instance"], row["messages"], row["oldest"]) == (
        "mail1",
        "marketing",
        1,
        NOW,
    )
    assert row["groups"][0]["provider"] == "a.example"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s"), (59, "59 s"), (60, "1 min"), (3_600, "1 h 0 min"), (200_000, "2 d 7 h")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
