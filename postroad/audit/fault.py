"""What a check says when it fails: what is wrong, what follows from it, and how it is mended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from postroad.terminal import line


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it must be, in plain words; ``mend`` is a command where it can."""

    wrong: str
    follows: str
    mend: str

    def __str__(self) -> str:
        return f"{line(self.wrong)}\n  so:   {line(self.follows)}\n  mend: {line(self.mend)}"


def refute(faults: Iterable[Fault]) -> None:
    """Fail the check that calls this, with every fault; do nothing where there is none."""
    __tracebackhide__ = True
    found = [str(fault) for fault in faults]
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def unknown(reasons: Iterable[str]) -> None:
    """End the check without a verdict, with every reason; do nothing where there is none."""
    __tracebackhide__ = True
    found = list(map(line, reasons))
    if found:
        pytest.skip("unknown: " + "; ".join(found))
