"""``postroad dns plan INVENTORY``: asks the hosts and writes what people have to set, and why."""

from __future__ import annotations

import argparse
from pathlib import Path

from postroad.commands.asking import told
from postroad.dns.plan import plan
from postroad.roles.run.live import (
    connected,
    given_up,
    live_certificates,
    live_keys,
    withdrawn_keys,
)
from postroad.settings.terminal import tell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The inventory whose names are planned."""
    parser.add_argument("inventory", type=Path, metavar="INVENTORY")


def run(arguments: argparse.Namespace) -> int:
    """0 written, 1 estate, key or records have faults, 2 a host or inventory did not answer."""
    return told(lambda: _plan(arguments.inventory))


def _plan(inventory: Path) -> int:
    with connected(inventory) as (loaded, sites):
        planned = plan(
            loaded.estate,
            live_keys(sites),
            withdrawn_keys(sites),
            live_certificates(sites),
            given_up(sites),
        )
    tell(planned.text, end="")
    return 1 if planned.faults else 0
