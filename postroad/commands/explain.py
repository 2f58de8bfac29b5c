"""``postroad explain INVENTORY WHAT``: what became of a message, from the logs of all hosts."""

from __future__ import annotations

import argparse
from pathlib import Path

from postroad.commands.asking import told, who_answers
from postroad.commands.output import add_json, answer
from postroad.facts.traced import Traced
from postroad.render import instances
from postroad.site import Site
from postroad.trace.story import Found, as_json, found, text

UNKNOWN = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The inventory, and what is looked for."""
    parser.add_argument("inventory", type=Path, help="inventory file, as inventories/prod.py")
    parser.add_argument(
        "what", help="a queue id, a Message-ID, or a recipient's or sender's address"
    )
    add_json(parser)
    parser.epilog = (
        "Tells the newest 20 messages of each instance, as far back as its logs go. Times are the"
        " host's. Exit status: 0 found, 1 no log knows it, 2 not every host could be asked."
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask every host, and tell."""
    return told(lambda: _tell(arguments))


def _tell(arguments: argparse.Namespace) -> int:
    def look(site: Site) -> list[Found]:
        names = (*instances(site.host), "default")
        said = site.pyhost.get_fact(Traced, what=arguments.what, instances=names)
        return list(found(site.host.name, said))

    heard = who_answers(arguments.inventory, look)
    everything = [one for each in heard.answers for one in each]
    answer(text(arguments.what, everything), as_json(everything), arguments.json)
    is_known = any(one.stories or one.refused for one in everything)
    return heard.status or (0 if is_known else UNKNOWN)
