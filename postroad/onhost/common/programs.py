"""The programs that are installed, and how one of them runs another."""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = Path(__file__).absolute()
#: What python3 runs: the folder that holds the package; and the one that holds the programs.
ROOT, FOLDER = _HERE.parents[3], _HERE.parents[1]


def programs() -> dict[str, str]:
    """The modules of the programs, by the names that they are called by."""
    found = sorted(place.parent.name for place in FOLDER.glob("*/main.py"))
    return {name.replace("_", "-"): f"postroad.onhost.{name}.main" for name in found}


def command(program: str, *arguments: str) -> list[str]:
    """How a program runs another, or itself once more, by the same Python."""
    return [sys.executable, "-IB", str(ROOT), program, *arguments]
