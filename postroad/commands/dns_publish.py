"""``postroad dns publish INVENTORY``: the records into the estate's zones, by dynamic update."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from postroad.commands.asking import Wanted, told, wanted
from postroad.dns import primaries, publishing
from postroad.dns.changes import ZonePlan
from postroad.dns.plan_text import elsewhere_text, outcome_text, plan_text
from postroad.dns.primary import PrimaryError
from postroad.dns.publishing import Place
from postroad.dns.zones import Division, divide
from postroad.settings.terminal import complain, tell

_NO_ZONE = (
    'estate["dns"]["zones"] names no zone that postroad may change: declare them with their TSIG'
    " keys (postroad docs settings), or hand the records over with postroad dns records or octodns"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The inventory, and consent in advance."""
    parser.add_argument("inventory", type=Path, help="inventory file, as inventories/prod.py")
    parser.add_argument("--yes", action="store_true", help="publish without asking")
    parser.epilog = (
        "Shows the plan first. A zone is changed whole, by one update (RFC 2136), or not at all"
        " where somebody else changed it in the meantime. Records that are not the estate's are"
        " never touched. Exit status: 0 the zones hold every record, 1 they do not, 2 it could not"
        " be asked."
    )


def run(arguments: argparse.Namespace) -> int:
    """Show the plan, and carry it out where that is wanted."""
    return told(lambda: _publish(arguments, wanted(arguments.inventory)))


def _publish(arguments: argparse.Namespace, known: Wanted) -> int:
    if not known.estate.dns.zones:
        complain(_NO_ZONE)
        return 1
    division = divide(known.records, (zone.name for zone in known.estate.dns.zones))
    places = primaries.places(known.estate, known.base, known.records, known.gone)
    looked = publishing.look(places)
    plans = {zone: found for zone, found in looked.items() if isinstance(found, ZonePlan)}
    _show(known, division, plans)
    if len(plans) < len(looked):
        for found in looked.values():
            if isinstance(found, PrimaryError):
                complain(found)
        complain("Not every zone could be looked at, so nothing was changed.")
        return 2
    if not any(plan.to_do for plan in plans.values()):
        tell("Nothing to publish.")
    elif not _is_wanted(arguments):
        return 1
    else:
        plans = _carried_out(places, plans)
    return 0 if _is_complete(division, plans) else 1


def _show(known: Wanted, division: Division, plans: Mapping[str, ZonePlan]) -> None:
    for plan in plans.values():
        tell(plan_text(plan), end="")
    leaving = divide(known.gone, (zone.name for zone in known.estate.dns.zones))
    tell(elsewhere_text(division, leaving.outside), end="")
    for sentence in known.lacking:
        tell(sentence)


def _is_wanted(arguments: argparse.Namespace) -> bool:
    if arguments.yes:
        return True
    if not sys.stdin.isatty():
        complain("Nothing was changed: add --yes to publish without being asked.")
        return False
    tell("\nPublish this? [y/N] ", end="")
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    tell("Nothing was changed.")
    return False


def _carried_out(places: list[Place], plans: Mapping[str, ZonePlan]) -> dict[str, ZonePlan]:
    """What each zone lacks afterwards: its old plan where it was not changed."""
    outcomes = publishing.carry_out(places, plans)
    tell("\n" + outcome_text(plans, outcomes), end="")
    after = {zone: came for zone, came in outcomes.items() if isinstance(came, ZonePlan)}
    return {**plans, **after}


def _is_complete(division: Division, plans: Mapping[str, ZonePlan]) -> bool:
    return not division.outside and all(plan.is_settled for plan in plans.values())
