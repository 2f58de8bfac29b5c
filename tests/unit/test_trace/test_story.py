"""Log lines, as a person reads them."""

from __future__ import annotations

import json

import pytest

from postroad.watch.trace.story import Found, Lines, as_json, found, story, text

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
DELETED = line("06:20:00", "postsuper", "removed")
REQUEUED = line("06:20:00", "postsuper", "requeued")


def attempt(at: str, status: str, reply: str, relay: str = "mx.a.example[192.0.2.7]:25") -> str:
    return line(
        at,
        "smtp",
        f"to=<jane@a.example>, relay={relay}, delay=0.42, delays=0.1/0/0.2/0.1, dsn=2.0.0,"
        f" status={status} ({reply})",
    )


def told(*lines: str, queue: str = "deferred") -> str:
    one = story("mail1", "marketing", ID, lines, queue)
    return text("x", [Found("mail1", "marketing", (one,), (), 0)])


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
    (recipient,) = story("mail1", "marketing", ID, tries, "deferred").recipients
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
    said = {"marketing": Lines({}, (refused,), {}, 3, "")}
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


CLIENT, MESSAGE_ID, QUEUED = TAKEN
AT = "; from=<b@bounce.shop.example> to=<jane@a.example> proto=ESMTP helo=<app>"
BY_MILTER = line(
    "05:15:08",
    "cleanup",
    f"milter-reject: END-OF-MESSAGE from unknown[192.0.2.9]: 5.7.1 Command rejected{AT}",
)
WAITS = line(
    "05:15:08",
    "cleanup",
    "reject: header From: Toys <a@toys.example> from unknown[192.0.2.9]"
    f"{AT}: 4.7.1 mail From: toys.example waits: there is no DKIM key at s._domainkey.toys.example",
)
BY_CHECK = line(
    "05:15:08",
    "cleanup",
    "reject: header From: x helo=<a>: 5.7.1 delivered from unknown[192.0.2.9]"
    f"{AT}: 5.7.1 From: and Sender: must end in one address at shop.example",
)
AT_RCPT = line(
    "05:15:08",
    "smtpd",
    "reject: RCPT from unknown[192.0.2.9]: 553 5.6.7 <j\u00f6rg@a.example>: no such;"
    " from=<b@c.example> to=<j\u00f6rg@a.example> proto=ESMTP helo=<app>",
)
SIGNER_SAYS = (
    f"Nov 24 05:15:08 mail1 opendkim[77]: {ID}: refused: login shop may not write From: a@b.example"
)
MILTER_SAYS = f"Nov 24 05:15:08 mail1 python3[7]: {ID}: 451 4.7.0 not signed by this stream: no key"
LATER = attempt("06:00:00", "deferred", "host mx.a.example[192.0.2.7] said: 451 4.7.1 Later")
EXPIRED = line("06:20:00", "qmgr", "from=<b@c.example>, status=expired, returned to sender")
DONE = attempt("05:15:09", "sent", "250 2.0.0 Ok")


@pytest.mark.parametrize(
    ("lines", "queue", "fate"),
    [
        ([CLIENT, MESSAGE_ID, BY_MILTER], "", "refused: 5.7.1 Command rejected"),
        (
            [CLIENT, MESSAGE_ID, BY_MILTER, SIGNER_SAYS],
            "",
            "refused: login shop may not write From: a@b.example",
        ),
        (
            [CLIENT, MESSAGE_ID, BY_MILTER.replace("5.7.1 Command", "4.7.1 Command"), MILTER_SAYS],
            "",
            "not taken for now: not signed by this stream: no key",
        ),
        (
            [CLIENT, MESSAGE_ID, BY_CHECK],
            "",
            "refused: 5.7.1 From: and Sender: must end in one address at shop.example",
        ),
        (
            [CLIENT, MESSAGE_ID, WAITS],
            "",
            "not taken for now: 4.7.1 mail From: toys.example waits: there is no DKIM key at"
            " s._domainkey.toys.example",
        ),
        ([CLIENT, AT_RCPT, *TAKEN[1:], DONE, GONE], "", "1 delivered, 1 refused"),
        (
            [CLIENT, line("05:15:08", "cleanup", "warning: x")],
            "",
            "not handed in to its end: the client is still at it, or has hung up",
        ),
        (
            [CLIENT, f"Nov 24 05:15:08 m postfix/cleanup[9]: warning: {ID}: queue file size limit"
             " exceeded"],
            "",
            "refused: larger than a message may be (message_size_limit)",
        ),
        ([CLIENT, line("05:15:08", "cleanup", f"discard: header X: y from u[1]{AT}")], "",
         "taken and thrown away (discard)"),
        (TAKEN, "active", "queued, waits for its first delivery"),
        (TAKEN, "hold", "on hold: nobody tries to deliver it until it is released (postsuper -H)"),
        ([*TAKEN, LATER], "hold",
         "on hold: nobody tries to deliver it until it is released (postsuper -H)"),
        ([*TAKEN, LATER], "deferred", "waits"),
        ([*TAKEN, LATER], "",
         "taken out of the queue by hand (postsuper): deleted, or queued anew"),
        (TAKEN, "", "taken out of the queue by hand (postsuper): deleted, or queued anew"),
        ([*TAKEN, LATER, DELETED], "", "deleted by hand (postsuper -d)"),
        ([*TAKEN, LATER, REQUEUED], "",
         "queued anew by hand (postsuper -r): it has another id within a minute"),
        ([*TAKEN, LATER, REQUEUED, DELETED], "", "deleted by hand (postsuper -d)"),
        ([*TAKEN, LATER, EXPIRED, GONE], "", "expired"),
        ([*TAKEN, EXPIRED, GONE], "", "expired: it came back to its sender"),
        ([*TAKEN, GONE], "", "left the queue; what became of it is in no log any more"),
        ([GONE], "", "left the queue; what became of it is in no log any more"),
        (TAKEN, "corrupt", "put aside: Postfix could not read its queue file"),
        ([MESSAGE_ID], "", "only a part of its story is in the logs"),
    ],
)  # fmt: skip
def test_each_fate_has_its_headline(lines: list[str], queue: str, fate: str) -> None:
    assert told(*lines, queue=queue).splitlines()[0] == f"mail1 marketing {ID}: {fate}"
    assert "no delivery was tried yet" not in told(*lines, queue=queue)


def test_a_message_that_was_queued_anew_names_its_new_id() -> None:
    new = "4cjWzG0Bzzz5tG"
    picked = line("06:20:40", "pickup", f"uid=108 from=<b@bounce.shop.example> orig_id={ID}")
    rows = {ID: (*TAKEN, LATER, REQUEUED), new: (picked.replace(f"{ID}: ", f"{new}: "),)}
    said = text("x", list(found("mail1", {"marketing": Lines(rows, (), {new: "active"}, 0, "")})))
    assert f"{ID}: queued anew by hand (postsuper -r), as {new}\n" in said
    assert f"  queued anew by hand (postsuper -r); before that its id was {ID}\n" in said


def test_what_met_the_door_is_told_by_what_it_met() -> None:
    begin = "Nov 30 13:11:55 transactional postfix-transactional/submission/smtpd[1]: "
    rows = (
        "SSL_accept error from unknown[192.0.2.9]: -1",
        "warning: TLS library problem: error:0A0000C1:SSL routines::no shared cipher:s.c:22:",
        "warning: Connection concurrency limit exceeded: 51 from unknown[192.0.2.9] for service x",
        "warning: non-SMTP command from unknown[192.0.2.9]: GET / HTTP/1.1",
        "NOQUEUE: lost connection after STARTTLS from unknown[192.0.2.9]",
    )
    refused = tuple(begin + row for row in rows)
    said = text("x", list(found("mail1", {"transactional": Lines({}, refused, {}, 0, "")})))
    titles = [row.partition(": ")[2] for row in said.splitlines() if row.startswith("mail1 ")]
    assert titles == ["no TLS was agreed on", "too much at once", "at the door"]
    assert "  TLS library problem: error:0A0000C1:SSL routines::no shared cipher" in said


def test_who_could_not_log_in_is_told_why() -> None:
    refused = (
        "Nov 30 13:11:55 transactional postfix-transactional/submission/smtpd[1]: warning:"
        " app[192.0.2.9]: SASL PLAIN authentication failed: (reason unavailable),"
        " sasl_username=shop",
        "Nov 30 13:11:54 mail1 dovecot[1]: Nov 30 13:11:54 auth: Info:"
        " passwd-file(shop,192.0.2.9): Password mismatch",
    )
    said = text("shop", list(found("mail1", {"transactional": Lines({}, refused, {}, 0, "")})))
    assert said.startswith("mail1 transactional: not logged in\n")
    assert "auth: Info: passwd-file(shop,192.0.2.9): Password mismatch\n" in said
    assert said.count("not logged in") == 1


@pytest.mark.parametrize(
    ("everything", "silent", "words"),
    [
        ([], ["mail1", "mail2"], "nothing is known of x: no host could be asked"),
        (
            [Found("mail1", "marketing", (), (), 0)],
            ["mail2"],
            "no log of mail1 knows x; mail2 could not be asked and may",
        ),
        (
            [Found("mail1", "marketing", (), (), 0, "a.gz cannot be read: CRC")],
            [],
            "what could be read of the logs does not know x",
        ),
    ],
)
def test_nothing_is_concluded_from_silence(
    everything: list[Found], silent: list[str], words: str
) -> None:
    said = text("x", everything, silent)
    assert words in said
    assert "never handed in" not in said
