"""What is promised, as a picture: a panel a figure, ours first, then what it is held against. Pure.

Figures that no goal is on are in the table alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

from benchmarks.figures import Figure

WIDTH, LEFT, RIGHT = 960, 260, 270
BAR, GAP, HEAD, FOOT = 18, 6, 34, 14

STYLE = """
    .paper { fill: #ffffff } .ours { fill: #1673b8 } .other { fill: #b7c1cc }
    text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1d2733 }
    .title { font-weight: 600 } .label { text-anchor: end } .goal { fill: #566270 }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #12171d } .ours { fill: #5fb2ee } .other { fill: #4a5663 }
      text { fill: #e6ebf0 } .goal { fill: #a7b3bf }
    }
"""


@dataclass(frozen=True)
class Bar:
    """One median, and what it says of a goal."""

    label: str
    value: float
    goal: str


@dataclass(frozen=True)
class Panel:
    """The figures of one name."""

    figures: Sequence[Figure]

    @property
    def bars(self) -> list[Bar]:
        """Ours, and each of the others. A goal stands with what it is held against."""
        first = self.figures[0]
        alone = [_goal(one) for one in self.figures if not one.other]
        others = [
            Bar(one.against, median(one.other), _goal(one)) for one in self.figures if one.other
        ]
        return [Bar("postroad", median(first.ours), "".join(alone)), *others]

    @property
    def title(self) -> str:
        """What the figure is, and which direction is better."""
        first = self.figures[0]
        better = "less" if first.direction == "lower" else "more"
        return f"{first.figure}, {first.unit} ({better} is better)"

    @property
    def height(self) -> int:
        return HEAD + len(self.bars) * (BAR + GAP) + FOOT


def panels(figures: Iterable[Figure]) -> list[Panel]:
    """Figures of the same name together, in the order of their first, where one has a goal."""
    by_name: dict[str, list[Figure]] = {}
    for one in figures:
        by_name.setdefault(one.figure, []).append(one)
    return [
        Panel(found) for found in by_name.values() if any(one.goal is not None for one in found)
    ]


def svg(figures: Sequence[Figure]) -> str:
    """The whole picture. It needs no script and follows the reader's light or dark scheme."""
    known = panels(figures)
    height = sum(panel.height for panel in known) + FOOT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "  <title>postroad beside others, medians of interleaved runs on one machine</title>",
        f"  <style>{STYLE}  </style>",
        f'  <rect class="paper" width="{WIDTH}" height="{height}" rx="10"/>',
    ]
    top = 0
    for panel in known:
        lines += (f"  {line}" for line in _drawn(panel, top))
        top += panel.height
    return "\n".join([*lines, "</svg>"]) + "\n"


def _drawn(panel: Panel, top: int) -> Iterator[str]:
    yield f'<text class="title" x="20" y="{top + 24}">{escape(panel.title)}</text>'
    longest = max(bar.value for bar in panel.bars) or 1.0
    for number, bar in enumerate(panel.bars):
        y = top + HEAD + number * (BAR + GAP)
        width = max(1.0, (WIDTH - LEFT - RIGHT) * bar.value / longest)
        kind = "other" if number else "ours"
        yield f'<text class="label" x="{LEFT - 10}" y="{y + 14}">{escape(bar.label)}</text>'
        yield f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="3"/>'
        words = f'<tspan class="goal">{escape(bar.goal)}</tspan>'
        yield f'<text x="{LEFT + width + 8:.1f}" y="{y + 14}">{_number(bar.value)}{words}</text>'


def _goal(one: Figure) -> str:
    if one.goal is None:
        return ""
    sign = "≤" if one.direction == "lower" else "≥"
    is_met = "met" if one.is_met else "missed"
    ratio = f"; ours is {one.value:.2f} ×" if one.other else ""
    return f"{ratio}; goal {sign} {one.goal:g}{' ×' if one.other else ''}, {is_met}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
