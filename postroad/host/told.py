"""How lines are read that hosts tell: what parsers of readings share. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def split(lines: Iterable[str], mark: str) -> Iterator[tuple[str, str, str]]:
    """Each line at the first ``mark`` in it, as str.partition does."""
    return (line.partition(mark) for line in lines)


def numbers(lines: Iterable[str]) -> dict[str, int]:
    """What stands before the last word of each line, with the number that the word is."""
    # From the right: the first part may be a path, with spaces in it.
    return {
        parts[0]: int(parts[1])
        for line in lines
        if len(parts := line.rsplit(maxsplit=1)) == 2 and parts[1].isdecimal()
    }


def time(text: str) -> float:
    """A time of the epoch, in seconds. ValueError for what is none, as nan."""
    seconds = float(text)
    if not 0 <= seconds < 2**40:
        raise ValueError("a time is none")
    return seconds
