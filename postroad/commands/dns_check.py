"""``postroad dns check INVENTORY``: what the world sees of the estate's names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from postroad.audit import outside
from postroad.commands.output import UnwrittenError, add_json, answer
from postroad.dns.check import report
from postroad.dns.check.verdict import Verdict, status
from postroad.roles.run.ask import UnansweredError
from postroad.roles.run.inventory import InventoryError
from postroad.roles.run.live import reached
from postroad.settings.faults import EstateFaults, PlainError
from postroad.settings.terminal import complain

NOT_ASKED = 3
_CANNOT = (
    EstateFaults,
    InventoryError,
    UnansweredError,
    UnwrittenError,
    PlainError,
    OSError,
    ValueError,
)
LONE = "the estate is lone: the world knows none of its names, and nobody was asked"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The inventory, where to write the verdicts, and what they were before."""
    parser.add_argument("inventory", type=Path, help="inventory file, as inventories/prod.py")
    add_json(parser, "every verdict")
    parser.add_argument(
        "--since",
        type=Path,
        metavar="FILE",
        help="tell only what changed since the run that wrote FILE by --json; it may be the same"
        " file, and need not be there yet",
    )
    parser.epilog = (
        'Asks the resolvers of estate["dns"]["resolvers"], the name servers of each zone, the hosts'
        " for their keys, and DNS lists through the hosts' own resolvers; changes nothing. Exit"
        " status: 0 all is ok, 1 a recommendation is not met or something is unknown, 2 a"
        " requirement is not met, 3 it could not be asked; with --since by what is new alone."
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask, write the verdicts, and return the exit status."""
    try:
        before = _before(arguments.since)
        with reached(arguments.inventory) as found:
            if found.loaded.estate.lone:
                raise ValueError(LONE)
            verdicts = outside.verdicts(found)
        return _tell(verdicts, before, arguments.json)
    except _CANNOT as error:
        complain(error)
        return NOT_ASKED


def _before(since: Path | None) -> list[Verdict] | None:
    """The verdicts of an earlier run; None where all are to be told. OSError, ValueError."""
    if since is None:
        return None
    if not since.exists():
        return []
    try:
        return report.from_json(since.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{since}: {error}") from None


def _tell(verdicts: Sequence[Verdict], before: list[Verdict] | None, place: Path | None) -> int:
    listed = report.as_json(verdicts)
    if before is None:
        answer(report.text(verdicts), listed, place)
        return status(verdicts)
    new = report.new_since(before, verdicts)
    answer(report.changes(new, report.gone_since(before, verdicts)), listed, place)
    return status(new)
