"""Answers in parts: what could not be asked costs no more than itself."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

#: How long one command may take, in seconds.
LONGEST = 20


def part(question: Callable[[], Any]) -> Json:
    """What a question is answered, or why it is not."""
    try:
        return {"said": question(), "why": ""}
    except subprocess.TimeoutExpired as late:
        return {"said": None, "why": f"{late.cmd[0]} says nothing for {late.timeout:g} s"}
    except Exception as error:
        kind = "" if type(error) is OSError else f"{type(error).__name__}: "
        return {"said": None, "why": f"{kind}{error}"}
