"""Which lab is meant: this checkout's, by its name."""

import os
import re
from pathlib import Path

from lab.hosts import state
from lab.hosts.errors import LabError
from lab.hosts.state import State

CLONE = Path(__file__).resolve().parents[2]
# Which of the checkout's labs is meant, where tests that run side by side have one each.
NAME_VARIABLE = "POSTROAD_LAB"


def name() -> str:
    """The name of this process's lab among those of its checkout."""
    given = os.environ.get(NAME_VARIABLE, "lab")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", given):
        raise LabError(f"{NAME_VARIABLE}={given!r}: write a short word of letters and digits")
    return given


def mine() -> State | None:
    """This process's lab, dead or alive."""
    return next((each for each in state.of_clone(CLONE) if each.name == name()), None)
