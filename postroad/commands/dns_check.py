"""``postroad dns check INVENTORY``: what the world sees of the estate's names."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pyinfra.api.exceptions import PyinfraError
from pyinfra.context import ctx_host

from postroad.dns.check import list_data, lists, report
from postroad.dns.check.checks import Facts, about_hosts, checks
from postroad.dns.check.list_data import DnsList
from postroad.dns.check.run import look
from postroad.dns.check.verdict import Verdict, status
from postroad.dns.check.web import fetch
from postroad.dns.dkim import LiveKey
from postroad.facts.resolved import Resolved
from postroad.inventory import InventoryError
from postroad.live import Reached, live_keys, reached
from postroad.settings.faults import EstateFaults
from postroad.site import Site

UNREACHABLE = "no connection: check its address, the key and the known_hosts file"
NOT_ASKED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The inventory, where to write the verdicts, and what they were before."""
    parser.add_argument("inventory", type=Path, help="inventory file, as inventories/prod.py")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every verdict there")
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
        known = list_data.read()
        with reached(arguments.inventory) as found:
            facts = _facts(found)
            verdicts = look(
                [*about_hosts(facts.silent), *checks(found.loaded.estate, facts, fetch)],
                found.loaded.estate.dns.resolvers,
            )
            verdicts += [verdict for site in found.sites for verdict in _listings(site, known)]
        return _tell(verdicts, before, arguments.json)
    except (EstateFaults, InventoryError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
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


def _facts(found: Reached) -> Facts:
    keys: list[LiveKey] = []
    silent = [(name, UNREACHABLE) for name in found.silent]
    for site in found.sites:
        told = _keys(site)
        if isinstance(told, str):
            silent.append((site.host.name, told))
        else:
            keys += told
    return Facts(tuple(keys), tuple(silent))


def _keys(site: Site) -> tuple[LiveKey, ...] | str:
    """The keys of one host, or why it does not tell them."""
    try:
        # What a revoked key's record says is that it is void; there is no key to hold it against.
        return tuple(key for key in live_keys([site]) if not key.revoked)
    except (PyinfraError, OSError) as error:
        return f"it does not answer ({error})"


def _listings(site: Site, known: Sequence[DnsList]) -> list[Verdict]:
    """What the DNS lists say of the addresses of one host, asked through its own resolver."""
    with ctx_host.use(site.pyhost):
        try:
            names = lists.questions(known, site.host)
            answers = site.pyhost.get_fact(Resolved, names=names)
        except (PyinfraError, OSError) as error:
            return [Verdict("DNS lists", site.host.name, "unknown", "required", str(error))]
    return list(lists.verdicts(known, site.host, answers))


def _tell(verdicts: Sequence[Verdict], before: list[Verdict] | None, place: Path | None) -> int:
    if place is not None:
        place.write_text(report.as_json(verdicts), encoding="utf-8")
    if before is None:
        sys.stdout.write(report.text(verdicts))
        return status(verdicts)
    new = report.new_since(before, verdicts)
    sys.stdout.write(report.changes(new, report.gone_since(before, verdicts)))
    return status(new)
