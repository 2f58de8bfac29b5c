"""The lab's rooms: each knows only those below it, and what runs on hosts knows nobody."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import lab

# From the ground up, as the lab's own docstring lists them.
ROOMS = ("onhost", "hosts", "images", "world", "life", "faults", "mail", "shown")
PLACE = Path(lab.__file__).parent


def rooms_of(text: str) -> set[str]:
    """The lab's rooms that a module with this *text* imports from; "" is the lab as a whole."""
    names = (name for node in ast.walk(ast.parse(text)) for name in _imported(node))
    parts = (name.split(".") for name in names)
    return {room if room in ROOMS else "" for first, room, *_ in parts if first == "lab"}


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (f"{alias.name}." for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def refused(room: str, text: str) -> set[str]:
    """What a module of *room* with this *text* may not import: rooms above, and the whole.

    The top floor shows the whole lab, so it may; nobody imports it.
    """
    if room == ROOMS[-1]:
        return set()
    below = () if room == "onhost" else ROOMS[: ROOMS.index(room) + 1]
    return rooms_of(text) - set(below)


def test_every_module_is_in_a_room_that_the_lab_tells_of() -> None:
    assert {place.name for place in PLACE.glob("*.py")} == {"__init__.py", "__main__.py"}
    assert {place.parent.name for place in PLACE.glob("*/__init__.py")} == set(ROOMS)
    told = [line.split()[0] for line in (lab.__doc__ or "").splitlines() if line.strip()]
    assert tuple(word for word in told if word in ROOMS) == ROOMS


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_knows_only_those_below_it(room: str) -> None:
    found = {
        str(place.relative_to(PLACE)): refused(room, place.read_text())
        for place in (PLACE / room).rglob("*.py")
    }
    assert {place: rooms for place, rooms in found.items() if rooms} == {}


def test_what_a_host_runs_imports_nothing_but_what_the_host_has() -> None:
    for place in (PLACE / "onhost").rglob("*.py"):
        assert "lab" not in {name.split(".")[0] for name in _names(place.read_text())}, place


def _names(text: str) -> set[str]:
    return {name for node in ast.walk(ast.parse(text)) for name in _imported(node)}


@pytest.mark.parametrize(
    ("room", "text", "seen"),
    [
        ("hosts", "from lab.world import ca", {"world"}),
        ("hosts", "from lab import life", {"life"}),
        ("world", "import lab.mail.shop", {"mail"}),
        ("mail", "def f():\n    from lab.shown.demo import main", {"shown"}),
        ("onhost", "from lab.hosts.guest import Guest", {"hosts"}),
        ("mail", "from lab import load", {""}),
        ("mail", "import lab", {""}),
        ("mail", "from lab.hosts.guest import Guest\nimport laboratory.mail", set()),
    ],
)
def test_an_import_of_a_room_above_is_seen(room: str, text: str, seen: set[str]) -> None:
    assert refused(room, text) == seen
