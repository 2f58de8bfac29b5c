"""``postroad explain INVENTORY WHAT``: what became of a message, from the logs of all hosts."""

from __future__ import annotations

import argparse
from pathlib import Path

from postroad.commands.asking import NOBODY, told, who_answers
from postroad.commands.output import add_json, answer
from postroad.host.asked import Asked
from postroad.mail.render import instances
from postroad.roles.run.site import Site
from postroad.watch.trace.story import TRACED, Found, as_json, found, is_known, text

UNKNOWN = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The inventory, and what is looked for."""
    parser.add_argument("inventory", type=Path, help="inventory file, as inventories/prod.py")
    parser.add_argument(
        "what",
        help="a queue id, a Message-ID, an address of a recipient or sender, a login, or an"
        " application's IP address",
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
        return list(found(site.host.name, site.ask(Asked(TRACED, arguments.what, *names))))

    heard = who_answers(arguments.inventory, look)
    everything = [one for each in heard.answers for one in each]
    told_text = text(arguments.what, everything, heard.silent)
    answer(told_text, as_json(everything), arguments.json)
    if heard.silent or any(one.unread for one in everything):
        return NOBODY
    return 0 if is_known(everything) else UNKNOWN
