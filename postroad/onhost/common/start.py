"""How every program and every question begins."""

from __future__ import annotations

import importlib
import sys


def run(module: str, arguments: list[str]) -> int:
    """The exit status of a module's ``main``."""
    # dnspython imports it where it is there, for DNS over HTTPS: longer than all the rest takes.
    sys.modules["requests"] = None  # type: ignore[assignment]
    status: int = importlib.import_module(module).main(arguments)
    return status
