"""The reports of an audit."""

from __future__ import annotations

import json

import pytest

from postroad.audit.fault import Fault
from postroad.audit.report import (
    Result,
    Verdict,
    as_json,
    nagios_failure,
    nagios_line,
    nagios_status,
    not_judged,
)


def result(verdict: Verdict, detail: str = "") -> Result:
    return Result("files.x", "mail1", verdict, detail)


def test_json_is_a_list_of_check_host_verdict_detail() -> None:
    assert json.loads(as_json([result("wrong", "why")])) == [
        {"check": "files.x", "host": "mail1", "verdict": "wrong", "detail": "why"}
    ]


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        (("ok",), 0),
        (("ok", "unknown"), 1),
        (("unknown", "wrong", "error"), 2),
        (("ok", "error", "unknown"), 3),
        ((), 3),
    ],
)
def test_the_worst_verdict_decides(verdicts: tuple[Verdict, ...], status: int) -> None:
    assert nagios_status([result(verdict) for verdict in verdicts]) == status


def test_the_line_begins_with_what_is_wrong() -> None:
    line = nagios_line(
        [result("ok"), result("unknown", "who knows"), result("wrong", "a | b\nc")], 1
    )
    assert line == (
        "POSTROAD CRITICAL - mail1: files.x: a / b; mail1: files.x: who knows"
        " | ok=1 wrong=1 unknown=1 error=0 time=1.0s"
    )


def test_the_line_stays_short() -> None:
    bad = [result("wrong", f"bad {number} {'x' * 30_000}") for number in range(40)]
    line = nagios_line(bad, 1)
    assert "; and 37 more |" in line
    assert len(line) < 1200


def test_what_has_one_reason_is_told_once() -> None:
    down = [Result(f"files.{n}", "mail2", "unknown", "the host does not answer") for n in range(65)]
    few = [Result(f"queues.{n}", "mail1", "unknown", "postqueue says nothing") for n in range(2)]
    assert list(not_judged([*down, *few])) == [
        "UNKNOWN mail2: 65 checks: the host does not answer",
        "UNKNOWN mail1: queues.0, queues.1: postqueue says nothing",
    ]
    assert "mail2: 65 checks: the host does not answer; mail1: queues.0" in nagios_line(
        [*down, *few], 1
    )


def test_nothing_checked_is_not_well() -> None:
    assert nagios_line([], 1).startswith("POSTROAD UNKNOWN - nothing was checked |")


def test_a_failure_is_one_line() -> None:
    assert nagios_failure("two\nlines | bar") == "POSTROAD UNKNOWN - two lines / bar"


def test_quoted_lines_stand_for_themselves() -> None:
    """Records are copied from there, and what a log says may be anything."""
    records = ('mail1.shop.example. 60 IN TXT "v=spf1 -all"', "a\x1b[2Jb\nmend: rm -rf /")
    told = str(Fault("it is not seen", "mail is refused", "publish these:", records))
    assert told.splitlines()[2:] == [
        "  mend: publish these:",
        '        mail1.shop.example. 60 IN TXT "v=spf1 -all"',
        r"        a\x1b[2Jb\nmend: rm -rf /",
    ]
