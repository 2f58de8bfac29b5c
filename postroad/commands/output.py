"""Where a command's answer goes: as text to people, as JSON to programs."""

from __future__ import annotations

import argparse
import errno
import os
from pathlib import Path

from postroad.settings.terminal import tell

# As other programs have it. Nothing else is written there then, so that it can be piped.
STANDARD_OUTPUT = Path("-")


class UnwrittenError(Exception):
    """The answer cannot be written where it was asked for; the message says why."""


def add_json(
    parser: argparse.ArgumentParser, what: str = "all of it", flag: str = "--json"
) -> None:
    """The option that has the answer written for programs."""
    parser.add_argument(
        flag,
        type=place,
        metavar="FILE",
        help=f"write {what} there as well; - is standard output, with nothing else in it",
    )


def place(text: str) -> Path:
    """A file that can be written, as an argument: told before any host is asked."""
    found = Path(text)
    if found == STANDARD_OUTPUT:
        return found
    try:
        return _writable(found, text)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error.strerror}: name another file") from None


def _writable(found: Path, text: str) -> Path:
    if found.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder: name a file in it")
    if not found.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: make its folder first: mkdir -p {found.parent}")
    if not os.access(found if found.exists() else found.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text}: {os.strerror(errno.EACCES)}: name another file")
    return found


def answer(text: str, json: str, to: Path | None) -> None:
    """Tell ``text``, and write ``json`` where it is wanted: in the place of the text for ``-``.

    Raises UnwrittenError.
    """
    if to == STANDARD_OUTPUT:
        tell(json, end="")
        return
    if to is not None:
        write(to, json)
    tell(text, end="")


def write(to: Path, text: str) -> None:
    """Write a whole file. Raises UnwrittenError."""
    try:
        to.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UnwrittenError(f"{to}: cannot be written: {error.strerror}") from error
