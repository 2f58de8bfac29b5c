"""docs/security.md says of independent judges' findings what tests/judged.py says."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.faults.judges import Finding
from tests.judged import ANSWERS, LEVELS, LYNIS, TESTSSL, unanswered

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text()


def table(title: str) -> list[str]:
    """The rows of the first table after a heading, its own heading left out."""
    body = PAGE.split(f"\n### {title}\n", 1)[1].split("\n#", 1)[0]
    return [line for line in body.splitlines() if line.startswith("|")][2:]


@pytest.mark.parametrize(
    ("title", "rows"),
    [
        ("testssl.sh", [answer.row for answer in TESTSSL]),
        ("lynis", [answer.row for answer in LYNIS]),
        ("systemd-analyze security", [level.row for level in LEVELS]),
    ],
)
def test_every_answer_is_told_and_no_other(title: str, rows: list[str]) -> None:
    assert table(title) == rows


def test_every_answer_gives_a_reason() -> None:
    assert [answer.name for answer in ANSWERS if not (answer.because and answer.says)] == []


def test_a_finding_is_answered_by_its_name_its_words_and_its_place() -> None:
    known = Finding("testssl.sh", "inbound", "cipherlist_AVERAGE", "offered")
    others = [
        Finding("testssl.sh", "submission", "cipherlist_AVERAGE", "offered"),
        Finding("testssl.sh", "inbound", "cipherlist_LOW", "offered"),
        Finding("lynis", "host", "SSH-7408", "PermitRootLogin (set YES to NO)"),
        Finding("lynis", "host", "KRNL-6000", "net.ipv4.conf.all.accept_redirects is 1, not 0"),
    ]
    assert unanswered([known]) == []
    assert unanswered([known, *others]) == sorted(map(str, others))
