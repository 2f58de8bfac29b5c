"""``postroad dns octodns INVENTORY``: the records as YAML that octoDNS reads, a file a zone."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from postroad.commands.asking import Wanted, told, wanted
from postroad.dns.octodns import document, file_name
from postroad.dns.plan_text import elsewhere_text
from postroad.dns.zones import Division, divide
from postroad.settings.terminal import complain, tell
from postroad.settings.values import owner_fault


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The inventory, the zones, and the folder."""
    parser.add_argument("inventory", type=Path, help="inventory file, as inventories/prod.py")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="write ZONE.yaml there")
    parser.add_argument(
        "--zone",
        action="append",
        default=[],
        type=_zone,
        metavar="NAME",
        help='a zone, may be repeated (default: those of estate["dns"]["zones"])',
    )
    parser.epilog = (
        "Without --to, one zone is written to standard output. Exit status: 0 written, 1 a record"
        " is in none of the zones (PTR records are the hoster's), 2 it could not be asked."
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the zones, and name what is in none of them."""
    return told(lambda: _write(arguments, wanted(arguments.inventory)))


def _write(arguments: argparse.Namespace, known: Wanted) -> int:
    zones = tuple(arguments.zone) or tuple(zone.name for zone in known.estate.dns.zones)
    if fault := _fault(zones, arguments.to):
        complain(fault)
        return 2
    division = divide(known.records, zones)
    try:
        _hand_over(division, arguments.to)
    except OSError as error:
        complain(f"{arguments.to}: cannot be written: {error.strerror}")
        return 2
    for sentence in (*known.lacking, elsewhere_text(division, ())):
        complain(sentence, end="\n" if sentence else "")
    return 1 if division.outside else 0


def _fault(zones: tuple[str, ...], folder: Path | None) -> str:
    if not zones:
        return 'which zones? Add --zone NAME, or declare them in estate["dns"]["zones"]'
    if folder is None and len(zones) > 1:
        return f"{len(zones)} zones make {len(zones)} files: add --to FOLDER, or one --zone NAME"
    return ""


def _hand_over(division: Division, folder: Path | None) -> None:
    documents = _documents(division)
    if folder is None:
        tell("".join(text for _, text in documents), end="")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents:
        # That of a part of a reverse zone has a slash (RFC 2317), as the YamlProvider looks for it.
        place = folder / name
        place.parent.mkdir(exist_ok=True)
        new = place.with_name(f".{place.name}.new")
        new.write_text(text, encoding="utf-8")
        new.replace(place)
        tell(str(place))


def _documents(division: Division) -> Iterable[tuple[str, str]]:
    return [(file_name(zone), document(zone, records)) for zone, records in division.inside]


def _zone(text: str) -> str:
    name = text.lower().rstrip(".")
    fault = owner_fault(name)
    if fault is not None:
        raise argparse.ArgumentTypeError(f'"{text}" {fault[0]}: {fault[1]}')
    return name
