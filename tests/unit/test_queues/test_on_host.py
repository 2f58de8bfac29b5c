"""The sums of a queue, as postqueue(1) lists it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from postroad.onhost.asked import queues as on_host
from postroad.onhost.asked.queues import MOST_GROUPS, gist, place_and_reply, summed

Json = dict[str, Any]


def message(queue: str, arrived: float, *recipients: tuple[str, str], size: int = 1000) -> Json:
    """As `postqueue -j` has it; a reason is there only where there is one."""
    return {
        "queue_name": queue,
        "queue_id": "4XyZ",
        "arrival_time": arrived,
        "message_size": size,
        "forced_expire": False,
        "sender": "bounces@bounce.shop.example",
        "recipients": [
            {"address": address, **({"delay_reason": reason} if reason else {})}
            for address, reason in recipients
        ],
    }


SAID = "host mx.bigmail.example[192.0.2.1] said: 451 4.7.1 Try later (in reply to RCPT TO command)"


@pytest.mark.parametrize(
    ("reason", "place", "reply"),
    [
        ("", "a.example", ""),
        (SAID, "mx.bigmail.example", "451 4.7.1 Try later"),
        (
            "host MX.bigmail.example[2001:db8::1] refused to talk to me: 421 4.7.0 no PTR",
            "mx.bigmail.example",
            "421 4.7.0 no PTR",
        ),
        (
            "connect to mx.bigmail.example[192.0.2.1]:25: Connection refused",
            "mx.bigmail.example",
            "Connection refused",
        ),
        (
            "lost connection with mx.bigmail.example[192.0.2.1] while sending RCPT TO",
            "mx.bigmail.example",
            "while sending RCPT TO",
        ),
        (
            "Host or domain name not found. Name service error for name=a.example type=MX: Host"
            " not found, try again",
            "a.example",
            "Host or domain name not found. Name service error for name=a.example type=MX: Host"
            " not found, try again",
        ),
    ],
)
def test_who_keeps_it_waiting_and_why(reason: str, place: str, reply: str) -> None:
    recipient = {"address": "Jane@A.example", "delay_reason": reason}
    assert place_and_reply(recipient) == (place, reply)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "421-4.7.28 unusual rate. 5b1f17b1804b1-46a8c5si12345.17 - gsmtp",
            "421-4.7.28 unusual rate. 9f2a61c9931c0-12b9d1si99331.02 - gsmtp",
        ),
        ("450 4.2.1 <jane@a.example> is busy", "450 4.2.1 <john@a.example> is busy"),
    ],
)
def test_replies_of_one_kind_are_one(one: str, other: str) -> None:
    assert gist(one) == gist(other)
    assert gist(one)[:3] == one[:3]


def test_other_codes_are_other_replies() -> None:
    assert gist("451 4.7.1 Later") != gist("451 4.7.5 Later")


def test_a_hostile_reply_is_short() -> None:
    assert len(gist("451 " + "no " * 10_000)) == 200


def test_the_sums_of_an_instance() -> None:
    found = summed(
        [
            message("active", 300, ("a@one.example", "")),
            message("deferred", 100, ("b@bigmail.example", SAID), ("c@bigmail.example", SAID)),
            message("deferred", 200, ("d@bigmail.example", SAID), size=50),
        ]
    )
    assert (found["messages"], found["octets"], found["oldest"]) == (3, 2050, 100)
    assert found["groups"] == [
        {
            "queue": "deferred",
            "place": "mx.bigmail.example",
            "reply": "451 4.7.1 Try later",
            "recipients": 3,
            "oldest": 100,
        },
        {
            "queue": "active",
            "place": "one.example",
            "reply": "",
            "recipients": 1,
            "oldest": 300,
        },
    ]


def test_nothing_queued() -> None:
    assert summed([]) == {"messages": 0, "octets": 0, "oldest": None, "groups": []}


def test_more_than_a_screen_is_summed_up() -> None:
    found = summed(
        message("deferred", 1000 - n, (f"a@d{n:04}.example", "")) for n in range(MOST_GROUPS + 30)
    )
    assert len(found["groups"]) == MOST_GROUPS + 1
    rest = found["groups"][-1]
    assert (rest["place"], rest["recipients"]) == ("", 30)
    assert rest["oldest"] == 1000 - MOST_GROUPS - 29


def postqueue(place: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "postqueue").write_text(f"#!/bin/sh\n{script}\n")
    (place / "postqueue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("exec sleep 600", "postqueue says nothing for 0 s: does showq(8) start?"),
        ("printf '{\"queue'; exec sleep 600", "postqueue says nothing"),
        ("echo 'postqueue: fatal: Queue report unavailable' >&2; exit 69", "report unavailable"),
        ("echo noise", "Expecting value"),
        ("echo '{}'", "arrival_time"),
    ],
)
def test_a_queue_that_cannot_be_listed_is_not_empty(
    script: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_host, "SILENCE", 0.3)
    postqueue(tmp_path, script, monkeypatch)
    found = on_host.one("marketing")
    assert why in found["why"]
    assert found["messages"] == 0


def test_a_long_queue_is_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = json.dumps(message("deferred", 1.0, ("jane@a.example", "")))
    postqueue(tmp_path, f"yes '{row}' | head -n 20000", monkeypatch)
    found = on_host.one("marketing")
    assert (found["messages"], found["why"]) == (20_000, "")
