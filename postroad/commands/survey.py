"""``postroad survey INVENTORY``: what is on the hosts before postroad, and what a run would do."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from postroad.commands.asking import told, who_answers
from postroad.commands.output import add_json, answer
from postroad.mail.before import files
from postroad.mail.before.firewall import warnings
from postroad.mail.before.lines import findings
from postroad.mail.before.words import Found, offers, text
from postroad.mail.preflight import refusals
from postroad.roles.run import made
from postroad.roles.run.facts.surveyed import Surveyed
from postroad.roles.run.site import Site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The inventory, and where the answer goes as JSON."""
    parser.add_argument("inventory", type=Path, help="inventory file, as inventories/prod.py")
    add_json(parser)
    parser.epilog = (
        "Changes nothing. Exit status: 0 nothing is in the way, 1 something is, or the estate has"
        " faults, 2 not every host could be asked."
    )


def run(arguments: argparse.Namespace) -> int:
    """Look at every host, and tell."""
    return told(lambda: _tell(arguments))


def _tell(arguments: argparse.Namespace) -> int:
    heard = who_answers(arguments.inventory, _look)
    rows = [asdict(found) for found in heard.answers]
    listed = json.dumps(rows, indent=2) + "\n"
    answer("\n".join(map(text, heard.answers)), listed, arguments.json)
    return heard.status or int(any(found.in_the_way for found in heard.answers))


def _look(site: Site) -> Found:
    state, parts = site.state(), made.components(site)
    # Once a component is postroad's own, its files are: the dry run and the audit speak of them.
    is_ours = {"default", *site.host.streams} <= state.adopted
    seen = site.ask(Surveyed())
    return Found(
        site.host.name,
        tuple(refusals(site.estate, site.host, state, site.clock_ahead, wanted=parts)),
        tuple(warnings(state)),
        () if is_ours else findings(seen.opendkim, seen.main),
        () if is_ours else seen.keys,
        () if is_ours else tuple(offers(site.estate, site.host, seen.keys)),
        tuple(files.replaced(parts, state)),
    )
