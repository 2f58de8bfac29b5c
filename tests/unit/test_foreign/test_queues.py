"""Queues of other mail servers: counted on a real file system, and told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from postroad.mail.before import queues as foreign

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
    ("queued", "adopted", "said"),
    [
        ({}, (), []),
        ({"Exim": 2}, (), ["Exim still has 2 messages"]),
        # What postroad's own null client has queued is the operator's root mail, on its way.
        ({"Postfix": 1}, ("default",), []),
        ({"Postfix": 1}, (), ["Postfix still has 1 message"]),
        ({"Postfix": 1, "Exim": 1}, ("default",), ["Exim still has 1 message"]),
    ],
)
def test_what_is_refused(queued: dict[str, int], adopted: tuple[str, ...], said: list[str]) -> None:
    told = list(foreign.refusals(queued, adopted))
    assert [sentence.partition(" in its own")[0] for sentence in told] == said
    assert all("look there (`" in sentence and "run again" in sentence for sentence in told)


def replaced(root: Path, install: str) -> tuple[int, list[str], str]:
    """The status of a replacement on a host where Exim runs, and what systemctl was told to do."""
    said = root / "said"
    tool = root / "bin" / "systemctl"
    tool.parent.mkdir()
    # Asked: systemctl -q is-active UNIT.
    tool.write_text(
        f'#!/bin/sh\ncase "$2" in is-active) [ "$3" = exim4.service ]; exit;; esac\n'
        f'echo "$*" >> {said}\n'
    )
    tool.chmod(0o755)
    script = foreign.replacing(install).replace("/var/spool", f"{root}/var/spool")
    done = subprocess.run(
        ["sh", "-c", f"set -eu; exec 8>/dev/null\n{script}\n"],
        env={"PATH": f"{tool.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    told = said.read_text().splitlines() if said.exists() else []
    return done.returncode, told, done.stderr


def test_a_server_rests_while_it_is_replaced(tmp_path: Path) -> None:
    mark = tmp_path / "installed"
    status, told, _ = replaced(tmp_path, f"touch {mark}")
    assert (status, told) == (0, ["stop exim4.service"])
    assert mark.exists()


def test_it_runs_again_where_the_packages_do_not_come(tmp_path: Path) -> None:
    status, told, _ = replaced(tmp_path, "false")
    assert (status, told) == (1, ["stop exim4.service", "start exim4.service"])


def test_mail_that_came_in_meanwhile_stops_the_replacement(tmp_path: Path) -> None:
    put(tmp_path, "/var/spool/exim4/input/1tEx-0-H")
    mark = tmp_path / "installed"
    status, told, words = replaced(tmp_path, f"touch {mark}")
    assert (status, told) == (1, ["stop exim4.service", "start exim4.service"])
    assert "mail came in meanwhile, and is left where it is: Exim 1; run again" in words
    assert not mark.exists()
