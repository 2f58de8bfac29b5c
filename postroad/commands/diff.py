"""``postroad diff INVENTORY``: what a run would change on the hosts, line by line."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from postroad.commands.asking import told, who_answers
from postroad.commands.output import add_json, answer
from postroad.host.diff import Change, Part, part, readable, text
from postroad.host.drift import drift
from postroad.mail.parts.order import rows
from postroad.roles.base import missing_packages, missing_user, wrong_hostname
from postroad.roles.dkim import faults
from postroad.roles.firewall import differing
from postroad.roles.run import made
from postroad.roles.run.closing import closings
from postroad.roles.run.facts.contents import Contents
from postroad.roles.run.site import Site
from postroad.roles.tls import missing_certificate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The inventory, and where the answer goes as JSON."""
    parser.add_argument("inventory", type=Path, help="inventory file, as inventories/prod.py")
    add_json(parser)
    parser.epilog = (
        "Changes nothing, and shows no secret. Where packages are still missing, the text of files"
        " is settled once they are there. Exit status: 0 nothing would change, 1 something would,"
        " or the estate has faults, 2 not every host could be asked."
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask every host, and tell."""
    return told(lambda: _tell(arguments))


def _tell(arguments: argparse.Namespace) -> int:
    heard = who_answers(arguments.inventory, _look)
    found = dict(heard.answers)
    listed = {host: [asdict(each) for each in parts] for host, parts in found.items()}
    told_as = "\n".join(text(host, parts) for host, parts in found.items())
    answer(told_as, json.dumps(listed, indent=2) + "\n", arguments.json)
    return heard.status or int(any(each.changes for parts in found.values() for each in parts))


def _look(site: Site) -> tuple[str, list[Part]]:
    return site.host.name, [each for each in _parts(site) if each.changes]


def _parts(site: Site) -> Iterator[Part]:
    """What differs, in about the order of a run."""
    yield _named("streams", tuple(closings(site)))
    state, components = site.state(), made.components(site)
    secrets = {row.path for row in rows(site.estate, site.host) if row.secret}
    paths = tuple(readable(components, state, secrets))
    contents = site.ask(Contents(paths)) if paths else {}
    yield _named("packages", missing_packages(site))
    yield _named("users", missing_user(site))
    yield _named("host name", wrong_hostname(site))
    yield _named("certificate", missing_certificate(site))
    yield Part("DKIM keys", tuple(Change(fault.path, fault.how) for fault in faults(site)))
    for component in components:
        yield part(component, drift(component, state), contents, secrets)
    yield _named("ufw", differing(site))


def _named(title: str, things: tuple[str, ...]) -> Part:
    return Part(title, tuple(Change(thing, "") for thing in things))
