"""The call of pyinfra's command that this process is: which inventory it names.

pyinfra keeps nothing of it, and looks for group_data beside that file and in the folder that it is
started in, while an estate's is beside the inventory's folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyinfra


def called() -> tuple[str, tuple[str, ...]]:
    """The inventory and the operations that the command names, as typed."""
    from pyinfra_cli.cli import cli  # type: ignore[import-untyped]

    context = cli.make_context("pyinfra", sys.argv[1:], resilient_parsing=True)
    return str(context.params["inventory"]), tuple(context.params["operations"])


def called_inventory() -> Path | None:
    """The inventory file; None for a list of hosts, and in a process that is not pyinfra's."""
    if not pyinfra.is_cli:
        return None
    place = Path(called()[0])
    return place.resolve() if place.is_file() else None
