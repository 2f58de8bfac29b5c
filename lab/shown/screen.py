"""What a terminal showed, as a picture: SVG that needs no script and no font of its own. Pure.

It follows the reader's light or dark scheme. The text stays text, so that it can be searched, and
each line is as wide as its columns whatever font is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

# A column and a line, in pixels of the picture; the face is about 0.6 of its size wide.
COLUMN, LINE, SIZE = 7.2, 17, 12
AROUND = 18
# Words with a colour: what is typed or a title, what is good or mends, what is not.
_COLOURED = re.compile(
    r"(?P<typed>^\$ .*|^_+ \S+ _+$)|(?P<good>\bis open\b|^mend: .*)"
    r"|(?P<bad>\bis closed\b|^\d+ failed\b)"
)
STYLE = """
    .screen { fill: #f6f8fa; stroke: #d8dee6 }
    text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1d2733 }
    text { white-space: pre }
    .typed { font-weight: 600 } .good { fill: #1a7f37 } .bad { fill: #b42318 }
    @media (prefers-color-scheme: dark) {
      .screen { fill: #12171d; stroke: #2c353f }
      text { fill: #e6ebf0 } .good { fill: #7fbf85 } .bad { fill: #ff8f84 }
    }
"""


def svg(title: str, lines: Sequence[str]) -> str:
    """The picture of ``lines``; ``title`` says what it is to those who do not see it."""
    columns = max(map(len, lines), default=0)
    width, height = AROUND * 2 + columns * COLUMN, AROUND * 2 + len(lines) * LINE
    box = f'viewBox="0 0 {width:.0f} {height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img">',
            f"  <title>{escape(title)}</title>",
            f"  <style>{STYLE}  </style>",
            f'  <rect class="screen" x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1}"'
            ' rx="8"/>',
            *(f"  {row}" for row in _rows(lines)),
            "</svg>",
            "",
        ]
    )


def _rows(lines: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        text = line.rstrip()
        if text.strip():
            y = AROUND + number * LINE + SIZE
            # Spaces at its beginning would be lost or not, as the viewer likes.
            indent = len(text) - len(text.lstrip())
            x, length = AROUND + indent * COLUMN, (len(text) - indent) * COLUMN
            yield (
                f'<text x="{x:.1f}" y="{y}" textLength="{length:.1f}" xml:space="preserve">'
                f"{_coloured(text.lstrip())}</text>"
            )


def _coloured(text: str) -> str:
    parts: list[str] = []
    end = 0
    for met in _COLOURED.finditer(text):
        kind = met.lastgroup
        parts += [
            escape(text[end : met.start()]),
            f'<tspan class="{kind}">{escape(met[0])}</tspan>',
        ]
        end = met.end()
    return "".join([*parts, escape(text[end:])])
