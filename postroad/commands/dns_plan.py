"""``postroad dns plan INVENTORY``: asks the hosts and writes what people have to set, and why."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from postroad.dns.plan import plan
from postroad.dns.records import UnusableKeyError
from postroad.inventory import InventoryError
from postroad.live import (
    UnreachableError,
    connected,
    live_certificates,
    live_keys,
    withdrawn_keys,
)
from postroad.settings.faults import EstateFaults


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The inventory whose names are planned."""
    parser.add_argument("inventory", type=Path, metavar="INVENTORY")


def run(arguments: argparse.Namespace) -> int:
    """0 written, 1 estate, key or records have faults, 2 a host or inventory did not answer."""
    try:
        with connected(arguments.inventory) as (loaded, sites):
            planned = plan(
                loaded.estate, live_keys(sites), withdrawn_keys(sites), live_certificates(sites)
            )
    except (EstateFaults, UnusableKeyError) as faults:
        print(faults, file=sys.stderr)
        return 1
    except (UnreachableError, InventoryError) as error:
        print(error, file=sys.stderr)
        return 2
    print(planned.text, end="")
    return 1 if planned.faults else 0
