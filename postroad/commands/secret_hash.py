"""``postroad secret hash``: the hash of a submission password, for group_data."""

from __future__ import annotations

import argparse
import getpass
import sys

from postroad.settings.passwords import hashed
from postroad.settings.terminal import complain, tell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none: an argument would show in the process list."""
    parser.epilog = (
        "Asks for the password twice, without echo; reads one line where standard input is no"
        " terminal. Prints {ARGON2ID} with 3 passes, 64 MiB and 4 lanes (RFC 9106, section 4)."
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the hash; 1 where no login could use the password, or its repetition differs."""
    password = _ask() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if password is None:
        complain("the two passwords differ: nothing hashed")
        return 1
    try:
        tell(hashed(password))
    except ValueError as error:
        complain(error)
        return 1
    return 0


def _ask() -> str | None:
    first = getpass.getpass("Password: ")
    return first if getpass.getpass("Again: ") == first else None
