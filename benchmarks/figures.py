"""What a benchmark found: samples of ours beside samples of something else, in the same minutes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Literal

Direction = Literal["lower", "higher"]


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    ``hosts`` are the sizes of estates, ``sizes`` those of messages in octets, ``queued`` is the
    backlog in mails; ``first_runs`` are of bare hosts. What Ansible takes half a minute and more
    for has numbers of its own: ``ansible_runs`` where a goal is on them, ``ansible_others``.
    ``beside`` is an earlier commit, for the suite that holds this checkout against one.
    """

    runs: int
    first_runs: int
    ansible_runs: int
    ansible_others: int
    hosts: tuple[int, ...]
    messages: int
    queued: int
    sizes: tuple[int, ...]
    beside: str | None = None


FULL = Effort(
    runs=5,
    first_runs=5,
    ansible_runs=5,
    ansible_others=1,
    hosts=(1, 10, 30),
    messages=500,
    queued=100_000,
    sizes=(10_000, 100_000),
)
QUICK = Effort(
    runs=2,
    first_runs=1,
    ansible_runs=1,
    ansible_others=0,
    hosts=(1,),
    messages=500,
    queued=5_000,
    sizes=(10_000,),
)


@dataclass(frozen=True)
class Figure:
    """One comparison. Without ``other`` the goal is on the median of ours, else on the ratio.

    ``direction`` says which is better. A figure without a goal is told for its own sake.
    """

    figure: str
    unit: str
    ours: tuple[float, ...]
    against: str
    other: tuple[float, ...] | None
    goal: float | None
    direction: Direction

    @property
    def value(self) -> float:
        """The median of ours, over that of the other where there is one."""
        return median(self.ours) / median(self.other) if self.other else median(self.ours)

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.direction == "lower" else self.value >= self.goal


def write(figures: Iterable[Figure], place: Path) -> None:
    """Write the figures as a JSON list."""
    place.parent.mkdir(parents=True, exist_ok=True)
    rows = json.dumps([asdict(figure) for figure in figures], indent=1)
    place.write_text(rows + "\n", encoding="utf-8")


def read(place: Path) -> list[Figure]:
    """What `write` wrote. OSError or ValueError where it did not."""
    return [_figure(row) for row in json.loads(place.read_text(encoding="utf-8"))]


def _figure(row: dict[str, object]) -> Figure:
    def samples(name: str) -> tuple[float, ...] | None:
        found = row[name]
        return tuple(map(float, found)) if isinstance(found, list) else None

    return Figure(**{**row, "ours": samples("ours") or (), "other": samples("other")})  # type: ignore[arg-type]


def table(figures: Sequence[Figure]) -> str:
    """A line a figure: medians with their spread, what they are held against, and the goal."""
    head = ("figure", "ours", "against", "other", "ratio", "goal", "")
    rows = [head, *map(_row, figures)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _row(one: Figure) -> tuple[str, ...]:
    sign = "<=" if one.direction == "lower" else ">="
    return (
        one.figure,
        f"{_spread(one.ours)} {one.unit}",
        one.against,
        _spread(one.other) if one.other else "",
        f"{one.value:.2f}" if one.other else "",
        "" if one.goal is None else f"{sign} {one.goal:g}",
        {True: "met", False: "missed", None: ""}[one.is_met],
    )


def _spread(samples: Sequence[float]) -> str:
    return f"{_short(median(samples))} ({_short(min(samples))} to {_short(max(samples))})"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
