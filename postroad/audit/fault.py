"""What a check says when it fails: what is wrong, what follows from it, and how it is mended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from postroad.audit.evidence import NotAnsweredError
from postroad.settings.terminal import line


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it must be, in plain words; ``mend`` is a command where it can.

    ``quoted`` are lines that stand for themselves below it: of a log, or to be published.
    """

    wrong: str
    follows: str
    mend: str
    quoted: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = f"{line(self.wrong)}\n  so:   {line(self.follows)}\n  mend: {line(self.mend)}"
        return "\n".join([said, *(f"        {line(one)}" for one in self.quoted)])


def refute(faults: Iterable[Fault]) -> None:
    """Fail the check that calls this, with every fault; do nothing where there is none.

    Where something was not answered that it needs, and no fault is found without, it is unknown.
    """
    __tracebackhide__ = True
    found, doubts = [], []
    try:
        for fault in faults:
            found.append(str(fault))
    except NotAnsweredError as error:
        doubts.append(str(error))
    if found:
        pytest.fail("\n".join([*found, *(f"unknown: {line(d)}" for d in doubts)]), pytrace=False)
    unknown(doubts)


def unknown(reasons: Iterable[str]) -> None:
    """End the check without a verdict, with every reason; do nothing where there is none."""
    __tracebackhide__ = True
    found = list(map(line, reasons))
    if found:
        pytest.skip("unknown: " + "; ".join(found))
