"""``postroad audit INVENTORY``: what must be true on the live hosts, asked over their own SSH."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest

from postroad.audit import suites

SUITES = Path(suites.__file__).parent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The inventory, what to check, and where to write what was found."""
    parser.add_argument("inventory", type=Path, help="inventory file, as inventories/prod.py")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write {check, host, …} there")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML there")
    parser.add_argument("--nagios", action="store_true", help="one line, and a plugin's status")
    parser.add_argument(
        "-k", metavar="EXPRESSION", help="only checks or hosts that match (pytest's -k)"
    )
    parser.epilog = (
        "Changes nothing on the hosts and sends no mail. Exit status: 0 all is well, 1 something"
        " is wrong, 2 it could not be asked; with --nagios: 0 OK, 1 WARNING (no answer to some"
        " question), 2 CRITICAL, 3 UNKNOWN."
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the suites that travel with postroad."""
    status = pytest.main(words(arguments))
    if arguments.nagios:
        return int(status)
    return {pytest.ExitCode.OK: 0, pytest.ExitCode.TESTS_FAILED: 1}.get(pytest.ExitCode(status), 2)


def words(arguments: argparse.Namespace) -> list[str]:
    """The call of pytest: our plugin and suites, and no configuration of the caller's."""
    families = sorted(str(p) for p in SUITES.glob("*.py") if p.name != "__init__.py")
    options = [
        *("-p", "postroad.audit.plugin", "-p", "no:cacheprovider"),
        # Comes with parsedmarc, and would import ssl before pyinfra can patch it for gevent.
        *("-p", "no:anyio"),
        *("-c", os.devnull, "--rootdir", str(SUITES)),
        *("-q", "--no-header", "--disable-warnings"),
        *("--inventory", str(arguments.inventory)),
    ]
    if arguments.json:
        options += ["--report-json", str(arguments.json)]
    if arguments.junit:
        options += ["--junit-xml", str(arguments.junit)]
    if arguments.nagios:
        options.append("--nagios")
    if arguments.k:
        options += ["-k", arguments.k]
    return [*options, *families]
