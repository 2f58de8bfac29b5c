"""``postroad dns records INVENTORY FORM``: asks the hosts and writes what to publish."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from postroad.dns import command
from postroad.dns.records import UnusableKeyError
from postroad.inventory import InventoryError
from postroad.live import UnreachableError, connected, live_certificates, live_keys
from postroad.settings.faults import EstateFaults

add_arguments = command.add_arguments


def run(arguments: argparse.Namespace) -> int:
    """0 written, 1 the estate or a key has faults, 2 a host or the inventory did not answer."""
    try:
        with connected(Path(arguments.inventory)) as (loaded, sites):
            keys, certificates = live_keys(sites), live_certificates(sites)
            arguments.write(loaded.estate, keys, certificates, sys.stdout)
    except (EstateFaults, UnusableKeyError) as faults:
        print(faults, file=sys.stderr)
        return 1
    except (UnreachableError, InventoryError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0
