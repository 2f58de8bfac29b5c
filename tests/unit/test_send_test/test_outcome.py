"""What became of a test, in words and as an exit status."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroad.watch.send_test.outcome import (
    Fated,
    Outcome,
    followed,
    refused,
    selector_of,
    status,
    text,
)
from postroad.watch.trace.story import Story, story
from tests.unit.test_trace.test_story import ID, SIGNED, TAKEN, attempt

ARRIVED = Outcome(
    "mail1",
    "transactional",
    "delivered",
    "250 2.0.0 Ok: queued as 77",
    "mx.a.example[192.0.2.7]:25",
    "out1.shop.example:587",
    "shop",
    "send-test@shop.example",
    "bounce.shop.example",
    "postroad test 3f2a: transactional on mail1",
    "4cjWzF6Xb5z5tF",
    "202611-mail1._domainkey.shop.example",
)
CLOSED = Outcome("mail2", "marketing", "closed", "stopped by its operator; to resume it: …")


def of(*lines: str, queue: str = "") -> Story:
    return story("mail1", "marketing", ID, [*TAKEN, SIGNED, *lines], queue)


@pytest.mark.parametrize(
    ("status", "fate"), [("sent", "delivered"), ("bounced", "bounced"), ("deferred", "deferred")]
)
def test_an_attempt_is_told_with_who_said_what(status: str, fate: str) -> None:
    reply = "host mx.a.example[192.0.2.7] said: 250 as it likes (in reply to RCPT TO command)"
    found = of(attempt("05:15:09", status, reply), queue="deferred")
    said = followed(found, "Jane@a.example", 60)
    assert (said.fate, said.words) == (fate, "250 as it likes")
    assert said.relay == "mx.a.example[192.0.2.7]:25"
    assert selector_of(found) == "202611-mail1._domainkey.news.shop.example"


def test_what_nobody_has_tried_is_on_its_way_and_what_no_log_knows_is_unknown() -> None:
    assert followed(of(queue="active"), "jane@a.example", 60) == Fated(
        "on its way", "nobody was tried within 60 seconds: queued, waits for its first delivery"
    )
    assert followed(None, "jane@a.example", 60).fate == "unknown"


def test_where_nobody_was_reached_nobody_has_said_it() -> None:
    found = of(attempt("05:15:09", "bounced", "Host or domain name not found", relay="none"))
    said = followed(found, "jane@a.example", 60)
    assert said == Fated("bounced", "Host or domain name not found")
    told = text("i.py", [replace(ARRIVED, fate=said.fate, words=said.words, relay="")], False)
    assert told.startswith("mail1 transactional: bounced: Host or domain name not found\n")


def test_what_arrived_is_told_with_the_lines_to_look_at() -> None:
    said = text("inventories/prod.py", [ARRIVED, CLOSED], is_lone=False)
    assert said.startswith(
        "mail1 transactional: delivered to mx.a.example[192.0.2.7]:25: 250 2.0.0 Ok: queued as 77\n"
        "  submitted to out1.shop.example:587 by STARTTLS as shop, From: send-test@shop.example\n"
        "  signed with 202611-mail1._domainkey.shop.example; its subject: postroad test 3f2a:"
        " transactional on mail1\n"
        "\n"
        "mail2 marketing: closed: stopped by its operator; to resume it: …\n"
    )
    assert "  dkim=pass with header.d=shop.example" in said
    assert "  spf=pass with smtp.mailfrom=…@bounce.shop.example" in said
    assert "  dmarc=pass with header.from=shop.example" in said
    assert "Show\noriginal" in said
    assert "news.shop.example" not in said, "nothing of it arrived"


def test_what_did_not_arrive_says_where_its_story_goes_on_and_no_verdict() -> None:
    put_off = replace(ARRIVED, fate="deferred", words="452 4.2.2 full", relay="mx.a.example")
    said = text("i.py", [put_off], is_lone=False)
    assert "mail1 transactional: deferred, put off by mx.a.example: 452 4.2.2 full\n" in said
    assert "  what becomes of it: postroad explain i.py 4cjWzF6Xb5z5tF\n" in said
    assert "dmarc" not in said


def test_nobody_has_judged_what_lies_in_a_sink() -> None:
    said = text("i.py", [ARRIVED], is_lone=True)
    assert "nobody has judged it" in said
    assert "dmarc" not in said


def test_what_a_server_says_reaches_no_terminal() -> None:
    said = text("i.py", [replace(CLOSED, words="\x1b[2Jgone\nand again")], is_lone=False)
    assert "\x1b" not in said
    assert len(said.splitlines()) == 2


def test_each_step_that_refuses_has_a_mend() -> None:
    said = refused("login", "535 5.7.8 Error: authentication failed")
    assert said.startswith("login: 535 5.7.8 Error: authentication failed (the password,")
    assert "SSL_CERT_FILE" in refused("certificate", "it is not verified for a.example: expired")


def test_the_exit_status_says_the_worst() -> None:
    assert status([ARRIVED], []) == 0
    assert status([ARRIVED, CLOSED], []) == 1
    assert status([ARRIVED, replace(ARRIVED, fate="on its way")], []) == 1
    assert status([ARRIVED], [OSError()]) == 2
    assert status([], [OSError()]) == status([], []) == 2
    assert status([replace(ARRIVED, fate="unknown")], []) == 2
