"""``postroad queue INVENTORY``: what waits in the queues of all hosts, for whom, and why."""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path
from typing import get_args

from postroad.commands.asking import NOBODY, told, who_answers
from postroad.commands.output import add_json, answer
from postroad.host.asked import Asked
from postroad.mail.leaving.instances import LEAVING
from postroad.mail.render import instances
from postroad.roles.run.site import Site
from postroad.settings.model import StreamName
from postroad.watch.queues import WAITING, Queue, as_json, queues, text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The inventory, and what of it."""
    parser.add_argument("inventory", type=Path, help="inventory file, as inventories/prod.py")
    parser.add_argument(
        "--instance", choices=(*get_args(StreamName), "inbound", "default"), help="only this one"
    )
    add_json(parser)
    parser.epilog = (
        "Groups are counted by recipients, under the mailbox provider whose hosts answer; what"
        " makes each message's reply another one is left out. Exit status: 0 read, 1 the estate has"
        " faults, 2 not every host could be asked."
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask every host, and tell."""
    return told(lambda: _tell(arguments))


def _tell(arguments: argparse.Namespace) -> int:
    heard = who_answers(arguments.inventory, partial(_queues, only=arguments.instance))
    found = [queue for each in heard.answers for queue in each]
    answer(text(found, time.time()), as_json(found), arguments.json)
    return NOBODY if any(queue.unknown for queue in found) else heard.status


def _queues(site: Site, only: str | None) -> list[Queue]:
    taken_away = (one.name for one in site.state()[LEAVING])
    known = (*instances(site.host), *taken_away, "default")
    wanted = [name for name in known if only in (None, name)]
    if not wanted:
        return []
    return list(queues(site.host.name, site.ask(Asked(WAITING, *wanted))))
