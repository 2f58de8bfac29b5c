"""The figures of the long tests as a table: python -m tests.long.figures"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from lab.hosts import here
from lab.mail.tally import Tally

# Two halves of the tests write to it side by side: a line is one write, and stays whole.
PLACE = here.CLONE / "build" / "reliability.jsonl"


@dataclass(frozen=True)
class Figures:
    """What the tally of one fault says, in counts."""

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


def figures(fault: str, times: int, tally: Tally) -> Figures:
    """The tally of a fault that came so many times, as counts."""
    return Figures(
        fault,
        times,
        tally.accepted,
        tally.refused,
        tally.unknown,
        len(tally.returned),
        len(tally.repeated),
        len(tally.lost),
        len(tally.unsigned),
        len(tally.duplicated),
    )


def keep(one: Figures) -> None:
    """Add a line to what is kept."""
    PLACE.parent.mkdir(exist_ok=True)
    with PLACE.open("a") as kept:
        kept.write(json.dumps(asdict(one)) + "\n")


def kept() -> list[Figures]:
    """All that was kept since the file was removed."""
    if not PLACE.exists():
        return []
    return [Figures(**json.loads(line)) for line in PLACE.read_text().splitlines()]


def table(rows: Sequence[Figures]) -> str:
    """The table of docs/reliability.md, with a line of sums at its end."""
    columns = [field.name for field in fields(Figures)]
    total = ["**all**", *(str(sum(getattr(one, name) for one in rows)) for name in columns[1:])]
    lines = [columns, ["---", *("---:" for _ in columns[1:])]]
    lines += [[str(getattr(one, name)) for name in columns] for one in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [*lines, total])


if __name__ == "__main__":
    print(table(kept()))
