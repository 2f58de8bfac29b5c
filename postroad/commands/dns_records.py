"""``postroad dns records INVENTORY``: asks the hosts for their keys and writes what to publish."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from postroad.dns import command
from postroad.live import UnreachableError, connected, live_keys
from postroad.settings.faults import EstateFaults

add_arguments = command.add_arguments


def run(arguments: argparse.Namespace) -> int:
    """0 written, 1 the estate has faults, 2 a host did not answer."""
    try:
        with connected(Path(arguments.inventory)) as (loaded, sites):
            arguments.write(loaded.estate, live_keys(sites), sys.stdout)
    except EstateFaults as faults:
        print(faults, file=sys.stderr)
        return 1
    except (UnreachableError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0
