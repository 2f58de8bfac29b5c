"""``postroad audit INVENTORY``: what must be true on the live hosts, asked over their own SSH."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import NoReturn, TextIO, cast

import pytest

from postroad.audit import suites
from postroad.audit.report import nagios_failure
from postroad.commands.cli import INTERRUPTED
from postroad.commands.output import STANDARD_OUTPUT, UnwrittenError, add_json, write
from postroad.settings.terminal import (
    Patient,
    complain,
    given_back,
    nobody_reads,
    tell,
    to_standard_error,
)

SUITES = Path(suites.__file__).parent
_REPORTS = ("json", "junit")
# The status of a Nagios plugin that cannot say.
_UNKNOWN = 3


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
        return _UNKNOWN if arguments.nagios else 2
    with TemporaryDirectory() as folder, _ended_at_once(folder, arguments.nagios):
        # pytest would end in its frames where a report cannot be written: it does so beside them.
        reports = {name: Path(folder) / name for name in _REPORTS if getattr(arguments, name)}
        status = _audited(argparse.Namespace(**{**vars(arguments), **reports}), piped)
        try:
            for name, report in reports.items():
                _hand_over(report, getattr(arguments, name))
        except UnwrittenError as error:
            complain(error)
            return status or (_UNKNOWN if arguments.nagios else 2)
    return status


def _audited(arguments: argparse.Namespace, piped: list[str]) -> int:
    """The exit status of an audit. What pytest says leaves standard output to a piped report."""
    # The disk that standard output goes to may be full: pytest would tell that in its frames.
    patient = Patient()
    with to_standard_error() if piped else redirect_stdout(cast(TextIO, patient)):
        status = pytest.main(words(arguments))
    if patient.fault:
        nobody_reads()
        complain(f"{patient.fault.filename}: {patient.fault.strerror}")
        return _UNKNOWN if arguments.nagios else 2
    return int(status) if arguments.nagios else _status(status)


def _status(status: int) -> int:
    return {pytest.ExitCode.OK: 0, pytest.ExitCode.TESTS_FAILED: 1}.get(pytest.ExitCode(status), 2)


def _hand_over(report: Path, to: Path) -> None:
    """Write a report where it is wanted; an audit that could not begin has none."""
    if not report.exists():
        return
    text = report.read_text(encoding="utf-8")
    if to == STANDARD_OUTPUT:
        tell(text, end="")
    else:
        write(to, text)


@contextmanager
def _ended_at_once(folder: str, is_nagios: bool) -> Iterator[None]:
    """Ctrl-C ends an audit as it ends every command, wherever it is just then.

    pytest would tell where that was, and takes no notice where it is in a thread of paramiko's.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    with given_back() as give_back:

        def end(number: int, frame: FrameType | None) -> NoReturn:
            # pytest may have the terminal just then.
            give_back()
            shutil.rmtree(folder, ignore_errors=True)
            if is_nagios:
                tell(nagios_failure("interrupted"))
                os._exit(_UNKNOWN)
            complain("interrupted")
            os._exit(INTERRUPTED)

        signal.signal(signal.SIGINT, end)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)


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
