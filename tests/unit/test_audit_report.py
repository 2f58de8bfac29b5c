"""The reports of an audit."""

from __future__ import annotations

import json

import pytest

from postroad.audit.report import (
    Result,
    Verdict,
    as_json,
    nagios_failure,
    nagios_line,
    nagios_status,
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
    assert "; and 37 more |" in nagios_line([result("wrong", "bad")] * 40, 1)


def test_nothing_checked_is_not_well() -> None:
    assert nagios_line([], 1).startswith("POSTROAD UNKNOWN - nothing was checked |")


def test_a_failure_is_one_line() -> None:
    assert nagios_failure("two\nlines | bar") == "POSTROAD UNKNOWN - two lines / bar"
