"""``postroad dmarc report INVENTORY PLACE``: aggregate reports, and what they allow to do next."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from postroad.commands.output import UnwrittenError, add_json, answer
from postroad.roles.run.inventory import InventoryError, load
from postroad.settings.faults import EstateFaults
from postroad.settings.model import Estate
from postroad.settings.terminal import complain
from postroad.watch.dmarc import show
from postroad.watch.dmarc.advice import advise
from postroad.watch.dmarc.analysis import analyse
from postroad.watch.dmarc.collect import AsideError, Collected, check_aside, collect, put_aside
from postroad.watch.dmarc.intake import PlaceError
from postroad.watch.dmarc.reader import ParserMissingError

_CANNOT = (
    EstateFaults,
    InventoryError,
    PlaceError,
    ParserMissingError,
    AsideError,
    UnwrittenError,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The estate, where its reports lie, and what becomes of the answer and of what is refused."""
    parser.add_argument("inventory", type=Path, help="inventory file, as inventories/prod.py")
    parser.add_argument("place", type=Path, help="folder of .xml, .xml.gz and .zip, or a Maildir")
    add_json(parser)
    parser.add_argument(
        "--aside", type=Path, metavar="FOLDER", help="move files that are refused there"
    )


def run(arguments: argparse.Namespace) -> int:
    """0 every report was read, 1 some were refused, 2 none could be read."""
    try:
        estate = load(arguments.inventory).estate
        if arguments.aside:
            check_aside(arguments.aside, arguments.place)
        collected = collect(arguments.place)
        _tell(estate, collected, arguments.json)
        if arguments.aside:
            put_aside(collected.barren, arguments.aside)
    except _CANNOT as error:
        complain(error)
        return 2
    return _status(collected, arguments.place)


def _tell(estate: Estate, collected: Collected, json: Path | None) -> None:
    analysis = analyse(estate, collected.reports)
    today = datetime.now(UTC).date()
    advices = [advise(findings, today) for findings in analysis.domains]
    listed = show.as_json(estate, analysis, advices, collected.refusals)
    answer(show.as_text(estate, analysis, advices) if collected.reports else "", listed, json)
    for refusal in collected.refusals:
        complain(f"refused: {show.refusal_line(refusal)}")


def _status(collected: Collected, place: Path) -> int:
    if not collected.reports:
        complain(f"{place}: holds no report that could be read")
        return 2
    return 1 if collected.refusals else 0
