"""Queues of other mail servers: counted on a real file system, and told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from postroad import foreign

PLACES = {
    "Postfix": (
        "/var/spool/postfix/maildrop/ABC",
        "/var/spool/postfix/deferred/4/4cjWzF",
        "/var/spool/postfix/hold/4cjWzG",
    ),
    "Exim": ("/var/spool/exim4/input/1tEx-0-H", "/var/spool/exim4/input/t/1tEx-1-H"),
    "Sendmail": ("/var/spool/mqueue/qf1", "/var/spool/mqueue/q1/qf2"),
    "OpenSMTPD": ("/var/spool/smtpd/queue/ab/abcd",),
}
# What is no message of its own.
BESIDE = (
    "/var/spool/postfix/defer/4/4cjWzF",
    "/var/spool/postfix/pid/master.pid",
    "/var/spool/exim4/input/1tEx-0-D",
    "/var/spool/mqueue/df1",
)


def probed(root: Path) -> list[str]:
    """What the probe says where ``root`` is /."""
    script = foreign.probe().replace("/var/spool", f"{root}/var/spool")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def put(root: Path, *paths: str) -> None:
    for path in paths:
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("")


def test_an_empty_host_says_nothing(tmp_path: Path) -> None:
    put(tmp_path, *BESIDE)
    assert probed(tmp_path) == []


def test_every_message_is_counted_once(tmp_path: Path) -> None:
    put(tmp_path, *BESIDE, *(path for paths in PLACES.values() for path in paths))
    assert probed(tmp_path) == [f"{name} {len(paths)}" for name, paths in PLACES.items()]


@pytest.mark.parametrize(
    ("queued", "stamps", "said"),
    [
        ({}, {}, []),
        ({"Exim": 2}, {}, ["Exim still has 2 messages"]),
        # What postroad's own null client has queued is the operator's root mail, on its way.
        ({"Postfix": 1}, {"default": "x"}, []),
        ({"Postfix": 1}, {}, ["Postfix still has 1 message"]),
        ({"Postfix": 1, "Exim": 1}, {"default": "x"}, ["Exim still has 1 message"]),
    ],
)
def test_what_is_refused(queued: dict[str, int], stamps: dict[str, str], said: list[str]) -> None:
    told = list(foreign.refusals(queued, stamps))
    assert [sentence.partition(" in its own")[0] for sentence in told] == said
    assert all("look there (`" in sentence and "run again" in sentence for sentence in told)
