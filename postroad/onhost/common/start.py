"""How every program and every question begins."""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress
from pathlib import Path

_NAME = Path("/proc/self/comm")


def called(name: str) -> None:
    """Have this process go by its program's name, in ps(1) as for pkill(1): not as python3."""
    with suppress(OSError):  # Without it, it does its work as well.
        _NAME.write_text(name, encoding="ascii")


def run(module: str, arguments: list[str]) -> int:
    """The exit status of a module's ``main``."""
    # dnspython imports it where it is there, for DNS over HTTPS: longer than all the rest takes.
    sys.modules["requests"] = None  # type: ignore[assignment]
    status: int = importlib.import_module(module).main(arguments)
    return status
