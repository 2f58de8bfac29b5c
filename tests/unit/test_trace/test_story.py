"""Log lines, as a person reads them."""

from __future__ import annotations

import json

from postroad.trace.story import Found, Lines, as_json, found, story, text

ID = "4cjWzF6Xb5z5tF"


def line(at: str, program: str, words: str) -> str:
    return f"Nov 24 {at} marketing postfix-marketing/{program}[917]: {ID}: {words}"


TAKEN = [
    line(
        "05:15:08",
        "smtps-in/smtpd",
        "client=unknown[192.0.2.9], sasl_method=PLAIN, sasl_username=campaigns",
    ),
    line("05:15:08", "cleanup", "message-id=<1@shop.example>"),
    line("05:15:08", "qmgr", "from=<b@bounce.shop.example>, size=12345, nrcpt=1 (queue active)"),
]
SIGNED = (
    f"Nov 24 05:15:08 mail1.shop.example opendkim[77]: {ID}:"
    " DKIM-Signature field added (s=202611-mail1, d=news.shop.example)"
)
GONE = line("06:20:00", "qmgr", "removed")


def attempt(at: str, status: str, reply: str, relay: str = "mx.a.example[192.0.2.7]:25") -> str:
    return line(
        at,
        "smtp",
        f"to=<jane@a.example>, relay={relay}, delay=0.42, delays=0.1/0/0.2/0.1, dsn=2.0.0,"
        f" status={status} ({reply})",
    )


def told(*lines: str) -> str:
    return text(
        "x", [Found("mail1", "marketing", (story("mail1", "marketing", ID, lines),), (), 0)]
    )


def test_a_message_that_arrived() -> None:
    said = told(*TAKEN, attempt("05:15:09", "sent", "250 2.0.0 Ok: queued as 77"), GONE, SIGNED)
    assert said == (
        f"mail1 marketing {ID}: delivered\n"
        "  Nov 24 05:15:08  taken from 192.0.2.9, logged in as campaigns\n"
        "  Nov 24 05:15:08  is the message <1@shop.example>\n"
        "  Nov 24 05:15:08  signed with 202611-mail1._domainkey.news.shop.example\n"
        "  Nov 24 05:15:08  queued: MAIL FROM <b@bounce.shop.example>, 12,345 octets\n"
        "  Nov 24 05:15:09  <jane@a.example>: delivered to mx.a.example[192.0.2.7]:25 after 0.42 s:"
        " 250 2.0.0 Ok: queued as 77\n"
        "  Nov 24 06:20:00  left the queue\n"
        "\n"
    )


def test_a_message_that_waits_says_the_same_only_twice() -> None:
    later = "host mx.a.example[192.0.2.7] said: 451 4.7.1 Later (in reply to RCPT TO command)"
    tries = [attempt(f"{hour:02}:00:00", "deferred", later) for hour in range(5, 15)]
    said = told(*TAKEN, *tries)
    assert said.startswith(f"mail1 marketing {ID}: waits\n")
    assert said.count("451 4.7.1 Later") == 2
    assert f"(in reply to RCPT TO command) (the last of {len(tries)} times)" in said
    (recipient,) = story("mail1", "marketing", ID, tries).recipients
    assert (recipient.outcome, recipient.attempts) == ("waits", 10)


def test_a_message_that_came_back() -> None:
    bounced = attempt("05:15:10", "bounced", "host mx said: 550 5.1.1 no such user")
    notice = line("05:15:10", "bounce", "sender non-delivery notification: 4cjWzG0Bzzz5tG")
    said = told(*TAKEN, bounced, notice, GONE)
    assert said.startswith(f"mail1 marketing {ID}: bounced\n")
    assert "refused by mx.a.example[192.0.2.7]:25" in said
    assert "the sender is told, in message 4cjWzG0Bzzz5tG" in said


def test_without_a_relay_nobody_is_named() -> None:
    said = told(attempt("05:15:10", "deferred", "Host not found", relay="none"))
    assert "<jane@a.example>: put off after 0.42 s: Host not found" in said


def test_what_is_not_known_is_shown_as_it_is() -> None:
    assert "cleanup: warning: something new" in told(
        line("05:15:10", "cleanup", "warning: something new")
    )
    assert f"{ID}: queued, waits for its first delivery" in told(*TAKEN)


def test_refusals_and_nothing() -> None:
    refused = (
        "Nov  4 05:17:00 marketing postfix-marketing/smtpd[9]: NOQUEUE: reject: RCPT from"
        " a[1]: 451 4.7.1 closed; from=<b@c.example> to=<jane@a.example>"
    )
    said = {"marketing": Lines({}, (refused,), 3, "")}
    everything = list(found("mail1", said))
    assert text("jane@a.example", everything) == (
        "mail1 marketing: 3 older ones are left out\n"
        "\n"
        "mail1 marketing: put off at the door\n"
        "  Nov 4 05:17:00  reject: RCPT from a[1]: 451 4.7.1 closed; from=<b@c.example>"
        " to=<jane@a.example>\n"
        "\n"
    )
    (row,) = json.loads(as_json(everything))
    assert row["refused"][0]["at"] == "Nov 4 05:17:00"
    assert "no log of any host knows x" in text("x", [Found("mail1", "marketing", (), (), 0)])
