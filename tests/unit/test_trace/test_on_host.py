"""Which log lines belong to what is looked for."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from postroad.onhost.asked import trace as on_host

LONG = "4cjWzF6Xb5z5tF"
LINES = [
    f"Nov 24 05:15:08 marketing postfix-marketing/smtpd[9]: {LONG}: client=app[192.0.2.9]",
    f"Nov 24 05:15:08 marketing postfix-marketing/cleanup[9]: {LONG}: message-id=<1@shop.example>",
    f"Nov 24 05:15:09 marketing postfix-marketing/smtp[9]: {LONG}: to=<jane@a.example>, relay=none",
    "Nov 24 05:16:00 marketing postfix-marketing/smtp[9]: 3F2A1: to=<Jane@A.example>, relay=none",
    "Nov 24 05:16:01 marketing postfix-marketing/smtp[9]: 3F2A2: to=<mary.jane@a.example>, relay=x",
    "Nov 24 05:17:00 marketing postfix-marketing/smtpd[9]: NOQUEUE: reject: RCPT from a[1]: 451 no;"
    " from=<b@c.example> to=<jane@a.example>",
    "Nov 24 05:17:01 marketing postfix-marketing/smtpd[9]: connect from jane@a.example",
]


@pytest.mark.parametrize(
    ("what", "ids", "refused"),
    [
        (LONG, [LONG], 0),
        ("3F2A1", ["3F2A1"], 0),
        ("jane@a.example", [LONG, "3F2A1"], 1),
        ("<JANE@A.EXAMPLE>", [LONG, "3F2A1"], 1),
        ("1@shop.example", [LONG], 0),
        ("nobody@a.example", [], 0),
        ("c.example", [], 0),
    ],
)
def test_what_is_found(what: str, ids: list[str], refused: int) -> None:
    found, doors = on_host.hits(on_host.wanted(what), LINES)
    assert (found, len(doors)) == (ids, refused)


def test_logs_are_read_from_the_oldest_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_host, "LOGS", tmp_path)
    monkeypatch.setattr(on_host, "journal", lambda instance, ids, what: [])
    (tmp_path / "marketing.log").write_text("\n".join(LINES[2:]) + "\n")
    (tmp_path / "marketing.log-20261231").write_text(LINES[1] + "\n")
    (tmp_path / "marketing.log-20261230.gz").write_bytes(gzip.compress((LINES[0] + "\n").encode()))
    (tmp_path / "transactional.log").write_text(LINES[0] + "\n")
    monkeypatch.setattr(on_host, "SPOOL", tmp_path)
    for place in ("incoming", "hold/4"):
        (tmp_path / "postfix-marketing" / place).mkdir(parents=True)
    (tmp_path / "postfix-marketing" / "hold" / "4" / LONG).touch()
    assert list(on_host.lines("marketing", {})) == LINES
    found = on_host.found("1@shop.example", "marketing")
    assert found["messages"] == {LONG: LINES[:3]}
    assert (found["refused"], found["queued"], found["more"]) == ([], {LONG: "hold"}, 0)
    assert found["why"] == ""


def test_of_many_messages_the_newest_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_host, "LOGS", tmp_path)
    monkeypatch.setattr(on_host, "journal", lambda instance, ids, what: [])
    ids = [f"{number:05X}" for number in range(50)]
    line = "Nov 24 05:16:00 marketing postfix-marketing/smtp[9]: {}: to=<jane@a.example>, relay=no"
    (tmp_path / "marketing.log").write_text("".join(f"{line.format(name)}\n" for name in ids))
    found = on_host.found("jane@a.example", "marketing")
    assert list(found["messages"]) == ids[-on_host.MOST_MESSAGES :]
    assert found["more"] == 50 - on_host.MOST_MESSAGES


def test_what_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_host, "LOGS", tmp_path)
    monkeypatch.setattr(on_host, "SPOOL", tmp_path)

    def silent(instance: str, ids: list[str], what: str) -> list[str]:
        raise subprocess.TimeoutExpired("journalctl", 30)

    monkeypatch.setattr(on_host, "journal", silent)
    (tmp_path / "marketing.log-20261230.gz").write_bytes(gzip.compress(b"x" * 9000)[:-9])
    (tmp_path / "marketing.log").write_text(LINES[0] + "\n")
    why = on_host.found(LONG, "marketing")["why"]
    for words in ("marketing.log-20261230.gz cannot be read", "the journal cannot", "its queues"):
        assert words in why


@pytest.mark.parametrize(
    ("what", "line", "fits"),
    [
        ("shop", "warning: a[1]: SASL PLAIN authentication failed: no, sasl_username=shop", True),
        ("shop", "ABCDE: client=a[192.0.2.9], sasl_username=shop, x=y", True),
        ("shop", "ABCDE: client=a[192.0.2.9], sasl_username=shop2", False),
        ("192.0.2.9", "ABCDE: client=a[192.0.2.9], sasl_username=shop", True),
        ("192.0.2.9", "ABCDE: client=a[192.0.2.99], sasl_username=shop", False),
        ("2001:DB8::1", "connect from a[2001:db8::1]", True),
        (LONG, f"warning: {LONG}: queue file size limit exceeded", True),
    ],
)
def test_a_login_and_an_address_of_an_application_are_looked_for(
    what: str, line: str, fits: bool
) -> None:
    assert bool(on_host.wanted(what).search(f"Nov 24 05:15:08 m postfix/smtpd[9]: {line}")) is fits


@pytest.mark.parametrize(
    ("what", "logged", "fits"),
    [
        ("plain@shop.example", "plain@shop.example", True),
        ("<plain@shop.example>", "plain@shop.example", True),
        ("plain@shop.example", "explain@shop.example", False),
        ("plain@shop.example", "plain@shop.example2", False),
        ("plain@shop.example", "plain@shop.example (by a script)", True),
        ("spaced@shop.example", "< spaced@shop.example >", True),
        ("(c) <1@shop.example>", "(c) <1@shop.example>", True),
        ("1@shop.example", "(c) <1@shop.example>", True),
        ("1@shop.example", "(c) (d)? 1@shop.example", True),
        # cleanup(8) writes a question mark for each octet that it takes for none that prints.
        ("<j\u00f6@shop.example>", "<j??@shop.example>", True),
        ("j\u00f6@shop.example", "<j?@shop.example>", True),
        ("\u20ac@shop.example", "<???@shop.example>", True),
        ("<j\u00f6@shop.example>", "<joe@shop.example>", False),
        ("a.b@shop.example", "<axb@shop.example>", False),
    ],
)
def test_a_message_id_is_found_however_it_was_written(what: str, logged: str, fits: bool) -> None:
    line = f"Nov 24 05:15:08 m postfix-marketing/cleanup[9]: {LONG}: message-id={logged}"
    found, _ = on_host.hits(on_host.wanted(what), [line])
    assert found == ([LONG] if fits else [])


def test_a_message_that_was_queued_anew_is_found_by_its_old_id() -> None:
    begin = "Nov 24 05:15:08 m postfix-marketing"
    old = f"{begin}/postsuper[9]: {LONG}: requeued"
    new = f"{begin}/pickup[9]: 4cjWzG0Bzzz5tG: uid=108 from=<b@c.example> orig_id={LONG}"
    assert on_host.hits(on_host.wanted(LONG), [old, new]) == ([LONG, "4cjWzG0Bzzz5tG"], [])


DOOR = "Nov 30 19:44:11 transactional postfix-transactional/submission/smtpd"
HUNG_UP = f"{DOOR}[7]: NOQUEUE: lost connection after CONNECT from unknown[192.0.2.9]"
TLS = [
    f"{DOOR}[8]: SSL_accept error from unknown[192.0.2.9]: -1",
    f"{DOOR}[9]: SSL_accept error from unknown[192.0.2.10]: -1",
    f"{DOOR}[9]: warning: TLS library problem: error:0A000102:SSL routines::unsupported protocol:",
    f"{DOOR}[8]: warning: TLS library problem: error:0A0000C1:SSL routines::no shared cipher:",
]


@pytest.mark.parametrize(
    "words",
    [
        "warning: Connection concurrency limit exceeded: 51 from unknown[192.0.2.9] for service x",
        "warning: AUTH command rate limit exceeded: 11 from unknown[192.0.2.9] for service x",
        "warning: Refusing STARTTLS request from unknown[192.0.2.9] for service x",
        "warning: non-SMTP command from unknown[192.0.2.9]: GET / HTTP/1.1",
        "too many errors after RCPT from unknown[192.0.2.9]",
        "improper command pipelining after EHLO from unknown[192.0.2.9]: MAIL",
        "timeout after DATA from unknown[192.0.2.9]",
        "lost connection after STARTTLS from unknown[192.0.2.9]",
    ],
)
def test_faults_at_the_door_are_found_by_the_address(words: str) -> None:
    line = f"{DOOR}[8]: {words}"
    assert on_host.hits(on_host.wanted("192.0.2.9"), [line]) == ([], [line])


def test_what_openssl_says_belongs_to_the_client_before_it() -> None:
    found = on_host.hits(on_host.wanted("192.0.2.9"), [*TLS, TLS[3]])
    assert found == ([], [TLS[0], TLS[3]])


def test_who_only_hung_up_gives_way_to_what_was_refused() -> None:
    many = [HUNG_UP.replace("19:44", f"19:{n:02}") for n in range(50)]
    shown = on_host.telling([many[0], *TLS[:2], *many[1:]])
    assert len(shown) == on_host.MOST_REFUSALS
    assert shown[:2] == TLS[:2]
    assert shown[-1] == many[-1]
    # So does what is said again later.
    again = [TLS[0].replace("19:44", f"20:{n:02}") for n in range(40)]
    assert set(on_host.telling([*TLS, *again])) >= {*TLS[1:], again[-1]}
    assert on_host.telling(TLS) == TLS


def test_a_login_that_is_declared_with_capitals_finds_what_the_journal_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_host, "LOGS", tmp_path)
    asked: list[str] = []
    said = "Nov 30 1:1:1 h dovecot[1]: auth: passwd-file(woocommerce,192.0.2.9): Password mismatch"

    def told_by(unit: str, pattern: str) -> list[str]:
        asked.append(pattern)
        return [said] if re.search(pattern, said) else []

    monkeypatch.setattr(on_host, "told_by", told_by)
    assert on_host.found("WooCommerce", "marketing")["refused"] == [said]


def test_a_long_queue_id_tells_when_its_message_was_taken() -> None:
    # That of the example in docs/operating.md.
    assert datetime.fromtimestamp(on_host.taken_at("4jYWrm0tTGzWDpm"), UTC).date() == date(
        2026, 11, 24
    )
    assert on_host.taken_at("3F2A1") == on_host.taken_at("jane@a.example") == 0


def test_logs_that_ended_before_a_message_was_taken_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_host, "LOGS", tmp_path)
    old, new = tmp_path / "marketing.log-20261120", tmp_path / "marketing.log"
    for place in (old, new):
        place.write_text(f"x[1]: {LONG}: removed\n")
    taken = on_host.taken_at(LONG)
    os.utime(new, (taken + 60, taken + 60))
    os.utime(old, (taken - 3 * on_host.A_DAY,) * 2)
    assert len(list(on_host.lines("marketing", {}))) == 2
    assert len(list(on_host.lines("marketing", {}, taken - on_host.A_DAY))) == 1


def test_a_message_in_a_log_that_seems_older_than_it_is_found_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock was days ahead when it was taken."""
    monkeypatch.setattr(on_host, "LOGS", tmp_path)
    monkeypatch.setattr(on_host, "journal", lambda *words: [])
    log = tmp_path / "marketing.log"
    log.write_text(f"Nov 24 05:15:08 m postfix-marketing/qmgr[1]: {LONG}: removed\n")
    os.utime(log, (on_host.taken_at(LONG) - 9 * on_host.A_DAY,) * 2)
    assert list(on_host.found(LONG, "marketing")["messages"]) == [LONG]
