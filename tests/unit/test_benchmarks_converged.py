"""A benchmark begins when a run would change nothing and every stream is open."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.converged import RUNS, until_nothing_is_left

Answers = Sequence[Sequence[str]]


class Hosts:
    """What hosts say before the first run, before the second, …; then the last for ever."""

    def __init__(self, plans: Answers, closed: Answers) -> None:
        self._plans, self._closed = plans, closed
        self.runs = 0
        self.published_for: list[int] = []

    def publish(self) -> None:
        self.published_for.append(self.runs)

    def plan(self) -> list[dict[str, str]]:
        return [{"name": name} for name in self._now(self._plans)]

    def closed(self) -> Sequence[str]:
        return self._now(self._closed)

    def deploy(self) -> None:
        self.runs += 1

    def bring(self) -> None:
        until_nothing_is_left(self.publish, self.plan, self.closed, self.deploy)

    def _now(self, answers: Answers) -> Sequence[str]:
        return answers[min(self.runs, len(answers) - 1)]


def test_nothing_is_run_where_nothing_is_left() -> None:
    hosts = Hosts([()], [()])
    hosts.bring()
    assert (hosts.runs, hosts.published_for) == (0, [0])


def test_records_are_published_after_each_run() -> None:
    hosts = Hosts([["Packages"], ["Stream"], ()], [["mail1"], ["mail1"], ()])
    hosts.bring()
    assert (hosts.runs, hosts.published_for) == (2, [0, 1, 2])


def test_a_closed_stream_is_not_the_end_though_a_run_would_change_nothing() -> None:
    hosts = Hosts([["Packages"], (), ()], [["mail1"], ["mail1"], ()])
    hosts.bring()
    assert hosts.runs == 2


def test_no_end_to_it_is_told_with_what_is_left() -> None:
    hosts = Hosts([["Packages"]], [["mail1 marketing"]])
    with pytest.raises(
        RuntimeError, match=r"further run would change Packages; mail1 marketing is closed$"
    ):
        hosts.bring()
    assert hosts.runs == RUNS
