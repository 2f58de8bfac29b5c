"""What CONTRIBUTING.md says follows from one row and from one folder, seen by toys."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from postroad.host import programs
from postroad.host.drift import Drift, drift
from postroad.host.found import blank
from postroad.host.paths import PROGRAM, TOOLS
from postroad.mail.leaving import host as leaving
from postroad.mail.parts import logs, order
from postroad.mail.parts.order import every_row, everything, rows
from postroad.mail.parts.row import Row
from postroad.mail.questions import questions, shape
from tests.unit import estates
from tests.unit.declarations import declaration
from tests.unit.machine import made_true

PAGE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
# Installed as it lies, so that no template is needed.
TOY = Row("postroad/onhost/alarm/main.py", "/etc/postroad/toy")


@pytest.fixture
def toy_row(monkeypatch: pytest.MonkeyPatch) -> Row:
    """One row more in one part."""
    part = replace(logs.PART, rows=(*logs.ROWS, TOY))
    for name in ("BEFORE_STREAMS", "PARTS"):
        own = tuple(part if one == logs.PART else one for one in getattr(order, name))
        monkeypatch.setattr(order, name, own)
    monkeypatch.setattr(leaving, "PARTS", order.PARTS)
    return part.rows[-1]


def test_a_row_is_asked_about_made_named_and_taken_back(toy_row: Row) -> None:
    estate = estates.estate(declaration())
    host = estate.hosts[0]
    assert toy_row in set(every_row())
    assert toy_row in set(rows(estate, host))
    assert toy_row.part == "logs"
    assert TOY.path in questions(estate, host).paths
    component = next(one for one in everything(shape(estate, host)) if one.name == "logs")
    assert Drift(TOY.path, "missing") in drift(component, blank())
    assert drift(component, made_true(blank(), component)) == ()
    assert TOY.path in leaving.probe()
    ours = leaving.Ours(paths=frozenset({TOY.path}))
    assert leaving.parts(ours) == ("logs",)
    assert f"back /var/lib/postroad/before{TOY.path} {TOY.path}" in leaving.files(ours, ())


def _forget() -> None:
    """What was read of the package before stays known (`functools.cache`)."""
    for known in vars(programs).values():
        if hasattr(known, "cache_clear"):
            known.cache_clear()


@pytest.fixture
def toy_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """One folder more in the room of programs."""
    package = tmp_path / "postroad"
    shutil.copytree(programs.ROOT / "postroad" / "onhost", package / "onhost")
    shutil.copy(programs.ROOT / "postroad" / "__init__.py", package)
    folder = package / "onhost" / "toy"
    folder.mkdir()
    (folder / "__init__.py").write_text('"""A toy."""\n')
    (folder / "main.py").write_text(
        "from postroad.onhost.common.places import RUN_LOCK\n\n\n"
        "def main(argv):\n    print(RUN_LOCK, *argv)\n    return 0\n"
    )
    monkeypatch.setattr(programs, "ROOT", tmp_path)
    _forget()
    yield "toy"
    _forget()


def test_a_folder_is_a_program_of_every_host(toy_program: str, tmp_path: Path) -> None:
    assert f"postroad.onhost.{toy_program}.main" in programs.installed()
    assert f"{TOOLS}/postroad/onhost/toy/main.py" in programs.places_of(toy_program)
    assert f"{TOOLS}/postroad/onhost/common/places.py" in programs.places_of(toy_program)
    there = tmp_path / "there"
    for module in programs.installed():
        place = there / programs.place(module).removeprefix(f"{TOOLS}/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(programs.text(programs.source(module)))
    _, *flags, folder = PROGRAM.split()
    assert folder == TOOLS
    done = subprocess.run(
        [sys.executable, *flags, str(there), toy_program, "a", "b"],
        env={},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "/run/postroad/run.lock a b\n"), done.stderr


@pytest.mark.parametrize("named", ["a file on hosts", "a program on hosts"])
def test_the_page_says_so(named: str) -> None:
    assert f"| {named} |" in PAGE
    assert "tests/unit/test_contributing.py" in PAGE
