"""One command that changes a host, and how what it says is told from all else. Pure.

As a question (`postroad.host.question`), it comes over standard input of a plain ``sh -s``, and
what it says stands between marks. It has no limit of time, and what it says is shown and not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from postroad.host.environment import clean


def running(mark: str, script: str, kept: Iterable[str] = ()) -> str:
    """The text that runs ``script``, in an environment of its own; ``mark`` begins its own lines.

    The parentheses have the shell read all of it before it begins, and keep an exit(1p) within.
    ``kept`` are names of variables that the operator has set.
    """
    return "\n".join(
        [
            clean(kept),
            f"printf '\\n%s begin\\n' {mark}; printf '\\n%s begin\\n' {mark} >&2",
            "(",
            script.rstrip("\n"),
            ") </dev/null",
            f"printf '\\n%s end %s\\n' {mark} $?",
            f"printf '\\n%s done\\n' {mark}; printf '\\n%s done\\n' {mark} >&2; exit",
            "",
        ]
    )


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a command: its exit status, None where it did not come so far.

    ``lines`` are what it said to standard output, ``words`` to standard error; where it was never
    begun, what was said instead.
    """

    status: int | None
    lines: tuple[str, ...]
    words: tuple[str, ...]


def done(mark: str, output: str, errors: str) -> Done:
    """What became of the command of `running`, by what the host printed."""
    own = f"{mark} end "
    ends = (one.removeprefix(own) for one in output.split("\n") if one.startswith(own))
    status = next(ends, "")
    return Done(
        int(status) if status.isdecimal() else None,
        tuple(_between(mark, output.split("\n"))),
        tuple(_between(mark, errors.split("\n"))),
    )


def _between(mark: str, lines: list[str]) -> Iterator[str]:
    """The lines behind the mark that begins, or all where none does; blank ones around are ours."""
    begin = f"{mark} begin"
    spoken = lines[lines.index(begin) + 1 :] if begin in lines else lines
    yield from (said for said in spoken if said.strip() and not said.startswith(f"{mark} "))
