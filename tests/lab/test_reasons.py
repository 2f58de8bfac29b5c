"""A refusal says what to write instead, and what will never be right is refused for good.

An application tries again for days what is answered by 4xx: that is for trouble of our own
(RFC 5321 §4.2.1).
"""

from __future__ import annotations

import pytest

from lab.mail import shop
from tests.lab.test_refusals import (  # noqa: F401 - fixtures
    FROM,
    OTHER,
    Entrance,
    entrance,
    name,
)

REST = (
    b"To: alice@bigmail.example\r\nSubject: Never sent\r\n"
    b"Date: Mon, 23 Nov 2026 12:00:00 +0000\r\nMessage-ID: <x@shop.example>\r\n"
)
BODY = b"\r\nHello.\r\n"
LONG = b"".join(b"X-%d: " % n + b"a" * 900 + b"\r\n" for n in range(80))
ONE_FROM = "550 5.7.1 Command rejected: write one From: "

# Of which each is a message's own fault; FROM stands for a good From: field.
FINAL = {
    "no From:": (REST + BODY, ONE_FROM),
    "two From:": (b"FROM" * 2 + REST + BODY, ONE_FROM),
    "two Sender:": (b"FROM" + b"SENDER" * 2 + REST + BODY, ONE_FROM),
    "a blank line first": (b"\r\nFROM" + REST + BODY, ONE_FROM),
    "white space first": (b" x\r\nFROM" + REST + BODY, ONE_FROM),
    "no field first": (b"nonsense\r\nFROM" + REST + BODY, ONE_FROM),
    "a space before the colon": (b"SPACED" + REST + BODY, ONE_FROM),
    "no header": (BODY, ONE_FROM),
    "nothing": (b"", ONE_FROM),
    "an empty From:": (b"From: \r\n" + REST + BODY, "550 5.6.0 write From: as "),
    "two addresses": (b"TWO" + REST + BODY, "550 5.6.0 write From: as "),
    "a header beyond 64 kB": (b"FROM" + REST + LONG + BODY, "550 5.6.0 header of "),
    "a vertical tab within": (
        b"FROM" + REST.replace(b"Never sent", b"Never\x0bsent") + BODY,
        "550 5.6.0 vertical tab or form feed ",
    ),
    "a vertical tab": (
        b"FROM" + REST.replace(b": Never", b": \x0bNever") + BODY,
        "550 5.6.0 vertical tab or form feed ",
    ),
    "a form feed at the end": (
        b"FROM" + REST.replace(b"sent\r", b"sent\x0c \r") + BODY,
        "550 5.6.0 vertical tab or form feed ",
    ),
    "a line beyond 998 octets": (
        b"FROM" + REST + BODY + b"a" * 999 + b"\r\n",
        "550 5.6.0 line longer than 998 octets",
    ),
    "an octet 0": (
        b"FROM" + REST + BODY + b"\0\r\n",
        "550 5.7.1 disallowed character: the octet 0 (NUL) is in it",
    ),
}


@pytest.mark.parametrize("fault", FINAL)
def test_a_fault_of_the_message_is_final_and_says_what_to_write(
    entrance: Entrance,  # noqa: F811
    fault: str,
) -> None:
    template, answer = FINAL[fault]
    address = FROM[entrance.stream].encode()
    message = template.replace(b"FROM", b"From: " + address + b"\r\n")
    message = message.replace(b"SENDER", b"Sender: " + address + b"\r\n")
    message = message.replace(b"SPACED", b"From : " + address + b"\r\n")
    message = message.replace(b"TWO", b"From: " + address + b", x" + address + b"\r\n")
    reply = entrance.submit(message, login=entrance.login)
    assert reply.stage == "data"
    assert f"{reply.code} {reply.text}".startswith(answer), reply


@pytest.mark.parametrize(
    ("recipient", "answer"),
    [("jörg@bigmail.example", "553 5.6.7 "), ("joerg@bügmail.example", "501 5.1.3 ")],
)
def test_an_address_beyond_ascii_is_refused_where_it_is_named(
    entrance: Entrance,  # noqa: F811
    recipient: str,
    answer: str,
) -> None:
    """It needs SMTPUTF8 (RFC 6531), which is not offered."""
    steps = [b"EHLO app\r\n", f"MAIL FROM:<{entrance.envelope}>\r\n".encode()]
    steps += [f"RCPT TO:<{recipient}>\r\n".encode()]
    offered, _, said, *_ = entrance.converse(steps, logged_in=True, tls="starttls")
    assert "SMTPUTF8" not in offered
    assert said.startswith(answer), said
    assert "xn--" in said


@pytest.mark.parametrize(
    ("said", "answer", "words"),
    [
        (["MAIL FROM:ENVELOPE"], "501 5.1.7 ", "write MAIL FROM:<ENVELOPE>"),
        (["MAIL FROM:<bounce@b\u00f6unce.shop.example>"], "501 5.1.7 ", "xn--"),
        (["MAIL FROM:<ENVELOPE>", "RCPT TO:alice@bigmail.example"], "501 5.1.3 ", "in angle"),
        (
            ["MAIL FROM:<ENVELOPE>", "RCPT TO:<alice@bigmail.example, bob@bigmail.example>"],
            "501 5.1.3 ",
            "one command for each",
        ),
        (["MAIL FROM:<ENVELOPE> RET=HDRS"], "501 5.7.1 ", "leave out RET, ENVID, NOTIFY"),
        (
            ["MAIL FROM:<ENVELOPE>", "RCPT TO:<alice@bigmail.example> NOTIFY=FAILURE"],
            "501 5.7.1 ",
            "leave out RET, ENVID, NOTIFY",
        ),
        (
            ["MAIL FROM:<bounce+j\u00f6rg@DOMAIN>", "RCPT TO:<alice@bigmail.example>"],
            "553 5.6.7 ",
            "SMTPUTF8, which is not offered here: write MAIL FROM in ASCII, as ENVELOPE",
        ),
    ],
)
def test_what_is_wrong_in_a_command_is_told_with_what_to_write(
    entrance: Entrance,  # noqa: F811
    said: list[str],
    answer: str,
    words: str,
) -> None:
    def own(text: str) -> str:
        domain = entrance.envelope.rpartition("@")[2]
        return text.replace("ENVELOPE", entrance.envelope).replace("DOMAIN", domain)

    steps = [f"{own(command)}\r\n".encode() for command in ["EHLO app", *said]]
    *_, reply, _ = entrance.converse(steps, logged_in=True, tls="starttls")
    assert reply.startswith(answer), reply
    assert own(words) in reply


def test_whoever_cannot_log_in_reads_why(entrance: Entrance) -> None:  # noqa: F811
    user, _ = entrance.login
    reply = entrance.submit(b"", login=(user, "wrong"))
    assert reply.code == 535
    assert f"no login of the {entrance.stream} stream has this name and password" in reply.text
    other = shop.USERS[OTHER[entrance.stream]]
    reply = entrance.submit(b"", login=(other, shop.password(other)))
    assert f"no login of the {entrance.stream} stream" in reply.text
    reply = entrance.submit(b"", login=None)
    assert reply.text.endswith(": log in first (AUTH)"), reply
