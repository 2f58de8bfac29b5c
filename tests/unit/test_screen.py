"""What a terminal showed, as a picture."""

from __future__ import annotations

from xml.etree import ElementTree

from lab.shown.pictures import PAGE, audit, end_of_run, folded
from lab.shown.screen import svg

SVG = "{http://www.w3.org/2000/svg}"
LINES = ["$ pyinfra -y a.py <x>", "", "| The x stream is open on mail1.", "2 failed & so"]


def test_every_line_is_text_in_its_place() -> None:
    read = ElementTree.fromstring(svg("The end of a run", LINES))
    rows = read.findall(f"{SVG}text")
    assert ["".join(row.itertext()) for row in rows] == [line for line in LINES if line]
    heights = [float(row.attrib["y"]) for row in rows]
    assert heights == sorted(heights)
    assert heights[1] - heights[0] == 2 * (heights[2] - heights[1]), "an empty line is a place"
    title = read.find(f"{SVG}title")
    assert title is not None
    assert title.text == "The end of a run"


def test_what_is_good_and_what_is_not_has_a_colour_in_either_scheme() -> None:
    said = svg("x", LINES)
    assert '<tspan class="good">is open</tspan>' in said
    assert '<tspan class="bad">2 failed</tspan> &amp; so' in said
    assert "prefers-color-scheme: dark" in said


def test_long_lines_are_folded_and_colours_of_a_terminal_left_out() -> None:
    rows = folded("\x1b[31m    " + "word " * 40 + "\x1b[0m")
    assert all(len(row) <= PAGE for row in rows)
    assert [row.startswith("        ") for row in rows[1:]] == [True] * (len(rows) - 1)
    assert folded("") == [""]


def test_a_run_is_shown_from_its_box_on() -> None:
    assert list(end_of_run("    much\n    +-- Where\n| x\n")) == ["…", "    +-- Where", "| x"]


def test_an_audit_is_shown_without_what_it_says_twice() -> None:
    said = "..F\n== FAILURES ==\nx is wrong\n== short test summary info ==\nFAILED x\n1 failed\n"
    assert list(audit(said)) == ["…", "x is wrong", "…", "1 failed"]
