"""``postroad secret hash``: the hash of a submission password, for group_data."""

from __future__ import annotations

import argparse
import getpass
import sys

from postroad.settings.passwords import hashed
from postroad.settings.terminal import complain, tell

# Applications hand in what is typed there as UTF-8 (RFC 4616 §2).
_NO_TEXT = (
    "the password is no UTF-8 text: nothing hashed; set the terminal to UTF-8, as by"
    " export LANG=C.UTF-8, or take letters and digits of ASCII alone"
)


class _NothingHashedError(Exception):
    """There is no password; the message says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none: an argument would show in the process list."""
    parser.epilog = (
        "Asks for the password twice, without echo; reads one line where standard input is no"
        " terminal. Prints {ARGON2ID} with 3 passes, 64 MiB and 4 lanes (RFC 9106, section 4)."
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the hash; 1 where no login could use the password, or its repetition differs."""
    try:
        password = _ask() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
        password.encode("utf-8")
    except _NothingHashedError as error:
        complain(f"{error}: nothing hashed")
        return 1
    except UnicodeError:
        complain(_NO_TEXT)
        return 1
    try:
        tell(hashed(password))
    except ValueError as error:
        complain(error)
        return 1
    return 0


def _ask() -> str:
    try:
        first = getpass.getpass("Password: ")
        again = getpass.getpass("Again: ")
    except EOFError:
        raise _NothingHashedError("no password was typed") from None
    if again != first:
        raise _NothingHashedError("the two passwords differ")
    return first
