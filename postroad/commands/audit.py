"""``postroad audit INVENTORY``: what must be true on the live hosts, asked over their own SSH."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from postroad.audit import suites
from postroad.commands.output import STANDARD_OUTPUT, add_json
from postroad.settings.terminal import complain, tell, to_standard_error

SUITES = Path(suites.__file__).parent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The inventory, what to check, and where to write what was found."""
    parser.add_argument("inventory", type=Path, help="inventory file, as inventories/prod.py")
    add_json(parser, "{check, host, …}")
    add_json(parser, "JUnit XML", "--junit")
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
    piped = [name for name in ("json", "junit") if getattr(arguments, name) == STANDARD_OUTPUT]
    if len(piped) + arguments.nagios > 1:
        complain("standard output takes one of --json -, --junit - and --nagios: name a file")
        return 3 if arguments.nagios else 2
    if piped:
        return _piped(arguments, piped[0])
    status = pytest.main(words(arguments))
    if arguments.nagios:
        return int(status)
    return _status(status)


def _status(status: int) -> int:
    return {pytest.ExitCode.OK: 0, pytest.ExitCode.TESTS_FAILED: 1}.get(pytest.ExitCode(status), 2)


def _piped(arguments: argparse.Namespace, name: str) -> int:
    """Have a report as all of standard output: what pytest says goes to standard error."""
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        with to_standard_error():
            status = pytest.main(words(argparse.Namespace(**{**vars(arguments), name: report})))
        if report.exists():
            tell(report.read_text(encoding="utf-8"), end="")
    return _status(status)


def words(arguments: argparse.Namespace) -> list[str]:
    """The call of pytest: our plugin and suites, and no configuration of the caller's."""
    families = sorted(str(p) for p in SUITES.glob("*.py") if p.name != "__init__.py")
    options = [
        *("-p", "postroad.audit.plugin", "-p", "no:cacheprovider"),
        # Comes with parsedmarc, and would import ssl before pyinfra can patch it for gevent.
        *("-p", "no:anyio"),
        *("-c", os.devnull, "--rootdir", str(SUITES)),
        *("-q", "--no-header", "--disable-warnings"),
        # What libraries log of a host is said by its check.
        *("--show-capture", "no"),
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
