"""``postroad dns records INVENTORY [--zone]``: what to publish, for people or as a master file."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from typing import TextIO

from postroad.dns.dkim import LiveKey, without_key
from postroad.dns.dmarc import authorisations_by_others
from postroad.dns.records import derive
from postroad.dns.zone import work_order, zone_text
from postroad.settings.model import Estate


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments; ``write`` of the parsed ones is `run` or `run_zone`."""
    parser.add_argument("inventory", metavar="INVENTORY")
    parser.add_argument(
        "--zone",
        dest="write",
        action="store_const",
        const=run_zone,
        default=run,
        help="one master file with absolute owner names (RFC 1035 §5) instead of a work order",
    )


def run(estate: Estate, keys: Iterable[LiveKey], out: TextIO) -> None:
    """Write the work order for people to ``out``. UnusableKeyError as `derive`."""
    live = tuple(keys)
    out.write(work_order(derive(estate, live), authorisations_by_others(estate)))
    for sentence in _incomplete(estate, live):
        out.write(f"\n{sentence}\n")


def run_zone(estate: Estate, keys: Iterable[LiveKey], out: TextIO) -> None:
    """Write one master file to ``out``, what it lacks as comments. UnusableKeyError as `derive`."""
    live = tuple(keys)
    for sentence in _incomplete(estate, live):
        out.write(f"; {sentence}\n")
    out.write(zone_text(derive(estate, live)))


def _incomplete(estate: Estate, keys: tuple[LiveKey, ...]) -> Iterator[str]:
    for host, stream, domain in without_key(estate, keys):
        yield (
            f"Incomplete: {host} has no DKIM key for {stream} mail of {domain} yet. "
            "Run the deploy, then ask again."
        )
