"""Which log lines belong to what is looked for."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from postroad.trace import on_host

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
    assert list(on_host.lines("marketing", {})) == LINES
    found = on_host.found("1@shop.example", "marketing")
    assert found == {"messages": {LONG: LINES[:3]}, "refused": [], "more": 0, "why": ""}


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
