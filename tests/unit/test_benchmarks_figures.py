"""Figures: what a goal is on, and that table, chart and file tell all of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import chart
from benchmarks.figures import Figure, read, table, write

BESIDE = Figure("first run", "s", (12.0, 10.0, 11.0), "apt", (10.0, 10.0, 40.0), 1.3, "lower")
ALONE = Figure("audit", "s", (4.0, 6.0, 5.0), "", None, 5.0, "lower")
TOLD = replace(ALONE, figure="a <first> run", goal=None)


def test_a_goal_is_on_the_ratio_of_medians() -> None:
    assert BESIDE.value == pytest.approx(1.1)
    assert BESIDE.is_met
    assert not replace(BESIDE, goal=1.0).is_met


def test_without_another_a_goal_is_on_the_median() -> None:
    assert ALONE.value == 5.0
    assert ALONE.is_met
    assert not replace(ALONE, goal=4.9).is_met


def test_the_direction_says_which_side_of_a_goal_is_good() -> None:
    assert not replace(BESIDE, direction="higher").is_met
    assert replace(ALONE, direction="higher").is_met


def test_a_figure_without_a_goal_meets_none() -> None:
    assert TOLD.is_met is None


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "results.json"
    write([BESIDE, ALONE], place)
    assert read(place) == [BESIDE, ALONE]


def test_the_table_has_a_line_a_figure() -> None:
    head, beside, alone, told = table([BESIDE, ALONE, TOLD]).splitlines()
    assert head.split() == ["figure", "ours", "against", "other", "ratio", "goal"]
    words = ["11", "(10", "to", "12)", "s", "apt", "10", "(10", "to", "40)", "1.10", "<=", "1.3"]
    assert beside.split() == ["first", "run", *words, "met"]
    assert alone.split() == ["audit", "5", "(4", "to", "6)", "s", "<=", "5", "met"]
    assert told.split()[-1] == "s"


def test_the_chart_has_a_panel_a_promise_and_says_whether_it_is_kept() -> None:
    other = replace(BESIDE, against="<Ansible>", other=(50.0,), goal=None)
    late = replace(ALONE, goal=4.9)
    drawn = ElementTree.fromstring(chart.svg([BESIDE, other, TOLD, late]))
    texts = ["".join(one.itertext()) for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    bars = [one.get("class") for one in drawn.iter("{http://www.w3.org/2000/svg}rect")]
    assert bars == ["paper", "ours", "other", "other", "ours"]
    assert texts[0] == "first run, s (less is better)"
    assert texts[1:7] == [
        *("postroad", "11"),
        *("apt", "10; ours is 1.10 ×; goal ≤ 1.3 ×, met"),
        *("<Ansible>", "50"),
    ]
    assert texts[7:] == ["audit, s (less is better)", "postroad", "5; goal ≤ 4.9, missed"]


def test_the_longest_bar_of_a_panel_is_the_greatest_median() -> None:
    drawn = ElementTree.fromstring(chart.svg([replace(BESIDE, other=(110.0,))]))
    _, ours, other = drawn.iter("{http://www.w3.org/2000/svg}rect")
    widths = [float(bar.get("width", "0")) for bar in (ours, other)]
    assert widths[1] == pytest.approx(10 * widths[0], abs=1)
