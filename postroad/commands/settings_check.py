"""``postroad settings check INVENTORY``: every fault of an estate, before any host is touched.

Of a declaration without a fault, the records that it needs are looked at as well.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from postroad.commands.asking import told
from postroad.dns import budget
from postroad.dns.records import derive
from postroad.roles.run.inventory import Loaded, load
from postroad.roles.run.ways_in import no_ways
from postroad.settings.doubts import doubts
from postroad.settings.files import is_there
from postroad.settings.hidden import in_the_clear, not_yet
from postroad.settings.model import Estate, operator_files
from postroad.settings.terminal import complain, tell

# pyinfra's own names for them, in an inventory's data.
_WAYS_IN = (
    ("ssh_key", "write another, or leave it out where an agent has the key"),
    (
        "ssh_known_hosts_file",
        "make it by ssh-keyscan, and compare it with what the hosts' consoles show:"
        " postroad docs getting-started",
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The inventory whose estate is read."""
    parser.add_argument("inventory", type=Path, help="inventory file, as inventories/prod.py")


def run(arguments: argparse.Namespace) -> int:
    """Print "ok: …", or the faults; 1 where there are any, 2 where the inventory does not load."""
    return told(lambda: _check(arguments.inventory))


def _check(inventory: Path) -> int:
    loaded = load(inventory)
    estate = loaded.estate
    wrong = budget.faults(derive(estate, ()))
    if wrong:
        complain("\n".join(f"the records of this estate: {fault}" for fault in wrong))
        return 1
    tell(summary(estate))
    unsure = (doubt for host in estate.hosts for doubt in doubts(estate, host))
    ways_in = (*missing_ways_in(loaded), *no_ways(loaded.hosts))
    for note in (*missing_files(loaded), *ways_in, *unsure):
        complain(note)
    if loaded.outside:
        tell(f"not the estate's, and let be: {', '.join(loaded.outside)}")
    for key in in_the_clear(loaded.hosts[0].data.get("estate")):
        tell(f'{key}: `pyinfra --debug` prints these hashes: write Hidden("{{ARGON2ID}}…")')
    for key in not_yet(loaded.hosts[0].data.get("estate")):
        tell(f"{key}: no password opens this login yet: write what `postroad secret hash` prints")
    return 0


def missing_ways_in(loaded: Loaded) -> Iterator[str]:
    """What the inventory names to reach its hosts by, and this machine does not have.

    No fault of the estate: whoever checks it need not be who runs it.
    """
    for key, mend in _WAYS_IN:
        for path in dict.fromkeys(host.data.get(key) for host in loaded.hosts):
            if isinstance(path, str) and not is_there(loaded.base, path):
                yield f'the inventory\'s "{key}" is {path}, which is not there; {mend}'


def missing_files(loaded: Loaded) -> Iterator[str]:
    """The files that the estate names and a run will read, where this machine has none."""
    for key, path in operator_files(loaded.estate):
        if not is_there(loaded.base, path):
            yield f"estate{key} names {path}, which is not there: a run will ask for it"


def summary(estate: Estate) -> str:
    """One line that says what the estate holds."""
    ways = sum(len(host.ways_out) for host in estate.hosts)
    return (
        f"ok: {_count(len(estate.hosts), 'host')}, {_count(len(estate.streams), 'stream')}"
        f" ({', '.join(stream.name for stream in estate.streams)}),"
        f" {_count(ways, 'way')} out, sending as {', '.join(estate.from_domains)}"
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
