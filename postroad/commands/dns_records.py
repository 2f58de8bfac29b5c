"""``postroad dns records INVENTORY FORM``: asks the hosts and writes what to publish."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from postroad.commands.asking import told
from postroad.dns import command
from postroad.roles.run.live import connected, live_certificates, live_keys
from postroad.settings.terminal import tell

add_arguments = command.add_arguments


def run(arguments: argparse.Namespace) -> int:
    """0 written, 1 the estate or a key has faults, 2 a host or the inventory did not answer."""
    return told(lambda: _write(arguments))


def _write(arguments: argparse.Namespace) -> int:
    with connected(Path(arguments.inventory)) as (loaded, sites):
        keys, certificates = live_keys(sites), live_certificates(sites)
        written = io.StringIO()
        arguments.write(loaded.estate, keys, certificates, written)
    tell(written.getvalue(), end="")
    return 0
