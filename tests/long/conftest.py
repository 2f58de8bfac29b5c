"""The figures of the long tests: kept in build/reliability.json, shown as a table at the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

import pytest

from lab import control
from lab.ledger import Balance
from tests.lab.conftest import deploy, deployed, estate, lab  # noqa: F401 - fixtures

PLACE = control.CLONE / "build" / "reliability.json"


@dataclass(frozen=True)
class Figures:
    """What the books of one fault say, in counts."""

    fault: str
    times: int
    accepted: int
    refused: int
    unknown: int
    returned: int
    repeated: int
    lost: int
    unsigned: int
    duplicated: int


Record = Callable[[str, int, Balance], None]
_KEPT = pytest.StashKey[list[Figures]]()


@pytest.fixture
def record(pytestconfig: pytest.Config) -> Record:
    """Keep the figures of a fault that came so many times."""
    kept = pytestconfig.stash.setdefault(_KEPT, [])

    def keep(fault: str, times: int, books: Balance) -> None:
        kept.append(
            Figures(
                fault,
                times,
                books.accepted,
                books.refused,
                books.unknown,
                *(
                    len(names)
                    for names in (
                        books.returned,
                        books.repeated,
                        books.lost,
                        books.unsigned,
                        books.duplicated,
                    )
                ),
            )
        )
        PLACE.parent.mkdir(exist_ok=True)
        PLACE.write_text(json.dumps([asdict(one) for one in kept], indent=1) + "\n")

    return keep


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """The table that stands in docs/reliability.md."""
    kept = config.stash.get(_KEPT, [])
    if not kept:
        return
    columns = list(asdict(kept[0]))
    total = ["**all**", *(str(sum(asdict(one)[name] for one in kept)) for name in columns[1:])]
    rows = [columns, ["---", *("---:" for _ in columns[1:])]]
    rows += [[str(value) for value in asdict(one).values()] for one in kept]
    for row in [*rows, total]:
        terminalreporter.write_line(f"| {' | '.join(row)} |")
