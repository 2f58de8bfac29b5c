"""The rooms of postroad, and the one direction in which they know of each other.

A room may import from rooms below its own floor, and never from its neighbours on it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import postroad

SOURCE = Path(postroad.__file__).parent
# From the roof to the ground; the rooms of one floor never import each other.
FLOORS = (
    ("commands",),
    ("audit",),
    ("roles",),
    ("pace", "feedback", "watch", "shop"),
    ("mail",),
    ("host", "dns"),
    ("settings", "onhost"),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
KNOW_PYINFRA = {"roles", "audit"}
#: Rooms that the floors say nothing of: what is no program, which anybody reads; and what stands in
#: operators' repositories by its name, so that it is there whatever room does it.
ANYBODY_MAY_IMPORT = "data"
MAY_IMPORT_ANYBODY = "start"


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported, wherever in the file; of `from a import b` it is a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def broken(module: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The rooms, and pyinfra, that ``module`` imports and must not know of; each with its path."""
    room = module.partition("/")[0]
    for name in names:
        package, _, rest = name.partition(".")
        other = rest.partition(".")[0]
        if package in ("pyinfra", "pyinfra_cli") and room not in KNOW_PYINFRA:
            yield module, package
        if package != "postroad" or other in (room, ANYBODY_MAY_IMPORT):
            continue
        if room != MAY_IMPORT_ANYBODY and FLOOR.get(other, -1) <= FLOOR.get(room, len(FLOORS)):
            yield module, other


def modules() -> Iterator[tuple[str, ast.Module]]:
    for place in sorted(SOURCE.rglob("*.py")):
        name = str(place.relative_to(SOURCE))
        if "/" in name:
            yield name, ast.parse(place.read_text(encoding="utf-8"))


def test_a_room_knows_only_of_rooms_below_it() -> None:
    found = {one for name, tree in modules() for one in broken(name, imported(tree))}
    assert not found


@pytest.mark.parametrize(
    ("module", "line", "room"),
    [
        ("mail/parts/context.py", "from postroad.roles.run import site", "roles"),
        ("host/question.py", "from postroad import mail", "mail"),
        ("dns/caa.py", "import postroad.host.paths", "host"),
        ("pace/plan.py", "from postroad.feedback.dsn import Report", "feedback"),
        ("settings/model.py", "def read():\n    from postroad.onhost import asked", "onhost"),
        ("onhost/asked/trace.py", "from postroad.settings import terminal", "settings"),
        ("mail/formats.py", "from pyinfra.api.exceptions import PyinfraError", "pyinfra"),
        ("commands/diff.py", "import pyinfra_cli", "pyinfra_cli"),
        ("data/__init__.py", "from postroad.settings import model", "settings"),
        ("dns/caa.py", "from postroad.start import start", "start"),
        ("dns/caa.py", "from postroad.attic import old", "attic"),
    ],
)
def test_the_wrong_direction_is_seen(module: str, line: str, room: str) -> None:
    assert list(broken(module, imported(ast.parse(line)))) == [(module, room)]


def test_nothing_is_imported_by_its_place() -> None:
    # `from .. import x` names no room, and would be seen by none of the above.
    for name, tree in modules():
        relative = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level]
        assert not relative, name


def test_every_module_is_in_a_room() -> None:
    assert {place.name for place in SOURCE.glob("*.py")} == {"__init__.py", "__main__.py"}
    rooms = {place.parent.name for place in SOURCE.glob("*/__init__.py")}
    assert rooms - FLOOR.keys() == {ANYBODY_MAY_IMPORT, MAY_IMPORT_ANYBODY}
