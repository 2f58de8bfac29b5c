"""``postroad dns records INVENTORY --zone``: the records in a form that another program takes."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import TextIO

from postroad.dns.dkim import LiveKey
from postroad.dns.missing import missing
from postroad.dns.records import derive
from postroad.dns.tlsa import LiveCertificate
from postroad.dns.zone import zone_text
from postroad.settings.model import Estate


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments; ``write`` of the parsed ones writes the form that was asked for."""
    parser.add_argument("inventory", metavar="INVENTORY")
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument(
        "--zone",
        dest="write",
        action="store_const",
        const=run_zone,
        help="one master file with absolute owner names (RFC 1035 §5)",
    )


def run_zone(
    estate: Estate,
    keys: Iterable[LiveKey],
    certificates: Iterable[LiveCertificate],
    out: TextIO,
) -> None:
    """Write one master file to ``out``, what it lacks as comments. UnusableKeyError as `derive`."""
    live, served = tuple(keys), tuple(certificates)
    text = zone_text(derive(estate, live, served))
    for sentence in missing(estate, live, served):
        out.write(f"; {sentence}\n")
    out.write(text)
