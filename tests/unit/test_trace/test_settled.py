"""A message that was just taken is waited for until it has been tried."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from postroad.onhost.asked import settled
from tests.unit.test_trace.test_on_host import LONG

TAKEN = f"Nov 24 05:15:08 m postfix-marketing/smtpd[9]: {LONG}: client=app[192.0.2.9]\n"
TRIED = (
    f"Nov 24 05:15:09 m postfix-marketing/smtp[9]: {LONG}: to=<j@a.example>, relay=none, delay=3,"
    " dsn=4.4.1, status=deferred (connect to a.example: Connection timed out)\n"
)
ANOTHER = TRIED.replace(LONG, "4cjWzF6Xb5z5tG")


@pytest.fixture
def waits(tmp_path: Path) -> Callable[..., float]:
    """How long it waits of at most so many seconds, while something happens to the log."""

    def waited(seconds: float, happens: Callable[[Path], None], log: str = TAKEN) -> float:
        place = tmp_path / "marketing.log"
        place.write_text(log)
        begun = time.monotonic()
        meanwhile = threading.Timer(0.15, happens, [place])
        meanwhile.start()
        settled.wait(LONG, place, begun + seconds)
        meanwhile.join()
        return time.monotonic() - begun

    return waited


def appended(text: str) -> Callable[[Path], None]:
    def append(place: Path) -> None:
        with place.open("a") as log:
            log.write(text)

    return append


def nothing(place: Path) -> None:
    """Nobody writes."""


def test_an_attempt_ends_it_at_once(waits: Callable[..., float]) -> None:
    assert waits(20, appended(ANOTHER + TRIED)) < 10
    assert waits(20, nothing, log=TAKEN + TRIED) < 10
    assert waits(20, appended(f"x[1]: {LONG}: removed\n")) < 10


def test_a_line_that_comes_in_two_pieces_is_one(waits: Callable[..., float]) -> None:
    def in_two(place: Path) -> None:
        appended(TRIED[:50])(place)
        time.sleep(0.3)
        appended(TRIED[50:])(place)

    assert waits(20, in_two) < 10


def test_a_rotated_log_is_read_from_its_beginning(waits: Callable[..., float]) -> None:
    def rotated(place: Path) -> None:
        place.rename(place.with_name("marketing.log-20261124"))
        time.sleep(0.2)
        place.write_text(TRIED)

    assert waits(20, rotated, log=TAKEN * 100) < 10


def test_others_are_not_waited_for_and_the_time_is_kept(waits: Callable[..., float]) -> None:
    assert waits(0.5, appended(ANOTHER)) >= 0.5


def test_of_a_long_log_the_end_alone_is_read(
    waits: Callable[..., float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settled, "BACK", 300)
    assert waits(0.5, nothing, log=TRIED + ANOTHER * 10) >= 0.5
    assert waits(20, nothing, log=ANOTHER * 10 + TRIED) < 10
