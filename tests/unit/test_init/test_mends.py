"""Texts name only what everybody has whose repository `postroad init` wrote."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroad.commands import cli
from postroad.commands.docs import PAGES
from postroad.commands.new_estate.plan import UNANSWERED
from postroad.commands.new_estate.repository import files

CLONE = Path(__file__).parents[3]
WRITTEN = {str(path) for path in files(UNANSWERED)}
# Of a checkout alone. `lab` is a page of the documentation as well.
OF_A_CHECKOUT = re.compile(r"\b(script|docs|tests|templates|benchmarks)/[a-z]")
OF_A_REPOSITORY = re.compile(r"\b(?:inventories|group_data|deploys)/[a-z_]+\.py\b")


def told() -> Iterator[tuple[str, str]]:
    """Every text in the package that may be told, by its place: strings that are no docstrings."""
    for source in sorted((CLONE / "postroad").rglob("*.py")):
        tree = ast.parse(source.read_text())
        documents = {
            node.body[0].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or node in documents:
                continue
            if isinstance(node.value, str):
                yield f"{source.relative_to(CLONE)}:{node.lineno}", node.value
    for path, text in files(UNANSWERED).items():
        yield str(path), text


TOLD = list(told())


def test_no_text_names_a_file_of_a_checkout() -> None:
    # What is taken off a page's name, for those who type it as a path.
    known = {"docs/"}
    assert [
        (place, text)
        for place, text in TOLD
        if OF_A_CHECKOUT.search(text) and text not in known and "letsencrypt" not in text
    ] == []


def test_files_that_are_named_are_written() -> None:
    named = {(name, place) for place, text in TOLD for name in OF_A_REPOSITORY.findall(text)}
    assert {(name, place) for name, place in named if name not in WRITTEN} == set()
    assert {"deploys/mailserver.py", "deploys/pause.py"} <= {name for name, _ in named}


def test_pages_that_are_named_are_there() -> None:
    pages = {place.stem for place in PAGES.glob("*.md")}
    named = {
        (name, place)
        for place, text in TOLD
        for name in re.findall(r"postroad docs ([a-z][a-z-]+)", text)
    }
    assert {(name, place) for name, place in named if name not in pages} == set()
    assert {"settings", "getting-started", "operating"} <= {name for name, _ in named}


def test_commands_that_are_named_are_there() -> None:
    known = {" ".join(command.words) for command in cli.COMMANDS}
    named = {
        (words, place)
        for place, text in TOLD
        for words in re.findall(r"`postroad ([a-z-]+(?: [a-z-]+)?)", text)
    }
    unknown = {
        (words, place)
        for words, place in named
        if words not in known and words.split()[0] not in known
    }
    assert unknown == set()


@pytest.mark.parametrize("typed", ["settings", "settings.md", "docs/settings.md"])
def test_a_page_is_shown(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["docs", typed]) == 0
    assert capsys.readouterr().out == (CLONE / "docs" / "settings.md").read_text()


def test_every_page_is_listed_by_its_title(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["docs"]) == 0
    listed = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert set(listed) == {place.stem for place in (CLONE / "docs").glob("*.md")}
    assert listed["rotation"] == "Changing DKIM keys"


def test_a_page_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["docs", "setings"]) == 2
    assert capsys.readouterr().err.startswith('"setings" is no page; write "settings"')
