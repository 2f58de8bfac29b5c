"""``postroad docs [PAGE]``: the documentation, which travels with the package."""

from __future__ import annotations

import argparse

from postroad.data import shipped
from postroad.settings.shapes import choose
from postroad.settings.terminal import complain, tell

PAGES = shipped("docs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The page, if one is wanted."""
    parser.add_argument("page", nargs="?", metavar="PAGE", help="as settings (default: a list)")
    parser.epilog = "A page is Markdown, and goes to standard output whole: | less"


def run(arguments: argparse.Namespace) -> int:
    """Tell the page, or every page's name and title; 2 where there is no such page."""
    pages = {place.stem: place.read_text(encoding="utf-8") for place in sorted(PAGES.glob("*.md"))}
    if arguments.page is None:
        width = max(map(len, pages))
        tell("\n".join(f"{name:<{width}}  {title(text)}" for name, text in pages.items()))
        return 0
    name = arguments.page.removeprefix("docs/").removesuffix(".md")
    if name not in pages:
        complain(f'"{arguments.page}" is no page; {choose(name, tuple(pages))}')
        return 2
    tell(pages[name], end="")
    return 0


def title(page: str) -> str:
    """The heading of a page."""
    return page.partition("\n")[0].removeprefix("# ")
