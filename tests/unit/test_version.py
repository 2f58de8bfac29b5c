"""A host knows which version converged it, and an older one leaves it alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pyinfra.api.exceptions import PyinfraError

from postroad.data import VERSION
from postroad.host.found import blank
from postroad.host.paths import VERSION_FILE
from postroad.mail.preflight import refusals
from postroad.mail.version import CONVERGED_BY, is_newer, refusal
from tests.unit import estates, runs
from tests.unit.declarations import declaration
from tests.unit.machine import Machine

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
ESTATE = declaration()


@pytest.mark.parametrize(
    ("found", "own", "newer"),
    [
        ("0.3.0", "0.2.0", True),
        ("0.10.0", "0.9.9", True),
        ("1", "0.99.99", True),
        ("0.2.1", "0.2", True),
        ("0.2.0", "0.2", False),
        ("0.2", "0.2.0", False),
        ("0.1.9", "0.2.0", False),
        ("", "0.2.0", False),
        ("edited by hand", "0.2.0", False),
    ],
)
def test_which_is_newer(found: str, own: str, newer: bool) -> None:
    assert is_newer(found, own) == newer
    assert bool(refusal(found, own)) == newer


def test_a_host_of_a_newer_version_is_refused_with_what_to_install() -> None:
    estate = estates.estate(ESTATE)
    state = replace(blank(), distribution="debian", release="99").knowing(CONVERGED_BY, "99.1.0")
    (said,) = refusals(estate, estate.hosts[0], state, 0.0)
    assert "postroad 99.1.0 has converged it" in said
    assert f"this is {VERSION}" in said
    assert "install postroad 99.1.0" in said


def test_a_run_leaves_its_version_and_a_newer_one_changes_that_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = runs.runner(tmp_path, monkeypatch)
    machine = Machine(ESTATE)
    runner.has(machine)
    assert not runner.run(ESTATE).failed
    assert VERSION_FILE in machine.state.files
    monkeypatch.setattr("postroad.mail.render.VERSION", "99.0.0")
    assert runner.plan(ESTATE).plan["mail1"] == [
        f"Base | Tools of postroad: {VERSION_FILE} (content)"
    ]


def test_a_newer_host_is_left_as_it_is_by_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = runs.runner(tmp_path, monkeypatch)
    machine = Machine(ESTATE)
    machine.state = machine.state.knowing(CONVERGED_BY, "99.1.0")
    runner.has(machine)
    with pytest.raises(PyinfraError, match=r"postroad 99\.1\.0 has converged it"):
        runner.run(ESTATE)
    assert machine.happened == []


def test_the_changelog_says_what_this_version_brings() -> None:
    assert f"\n## {VERSION}" in CHANGELOG.read_text(encoding="utf-8")
