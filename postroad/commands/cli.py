"""The ``postroad`` command: a table of subcommands, each a small module of its own."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import NoReturn, Protocol, cast

from postroad.data import VERSION
from postroad.settings.meant import nearest
from postroad.settings.terminal import (
    any_character,
    complain,
    flush,
    nobody_reads,
    streams_open,
    tell,
)


class CommandModule(Protocol):
    """What a subcommand's module has."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the subcommand's arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it, and return the exit status."""


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand: the words that call it, the module that does it, one line of help.

    The module is imported only when it is called, so that one command does not wait for the
    imports of another.
    """

    words: tuple[str, ...]
    module: str
    help: str

    @property
    def call(self) -> str:
        """The command as it is typed."""
        return " ".join(["postroad", *self.words])


COMMANDS = (
    Command(
        ("init",),
        "postroad.commands.init",
        "write a first repository: inventory, estate, deploys",
    ),
    Command(
        ("docs",),
        "postroad.commands.docs",
        "show a page of the documentation, or which there are",
    ),
    Command(
        ("secret", "hash"),
        "postroad.commands.secret_hash",
        "hash a submission password for group_data",
    ),
    Command(
        ("settings", "check"),
        "postroad.commands.settings_check",
        "name every fault of an inventory's estate",
    ),
    Command(
        ("dns", "plan"),
        "postroad.commands.dns_plan",
        "write what people have to publish, where and why, and what is wrong with it",
    ),
    Command(
        ("dns", "records"),
        "postroad.commands.dns_records",
        "write the records to publish, for programs",
    ),
    Command(
        ("dns", "mta-sts"),
        "postroad.commands.dns_mta_sts",
        "write the MTA-STS policy file of an envelope domain",
    ),
    Command(
        ("dns", "octodns"),
        "postroad.commands.dns_octodns",
        "write the records as YAML for octoDNS, one file a zone",
    ),
    Command(
        ("dns", "publish"),
        "postroad.commands.dns_publish",
        "bring the records into your zones by dynamic update, after showing the plan",
    ),
    Command(
        ("dmarc", "report"),
        "postroad.commands.dmarc_report",
        "read aggregate reports, and say whether a stricter policy is due",
    ),
    Command(
        ("dns", "check"),
        "postroad.commands.dns_check",
        "evaluate what the world sees of the estate's names, as receivers do",
    ),
    Command(
        ("survey",),
        "postroad.commands.survey",
        "say what is on the hosts before postroad, and what of it is in the way",
    ),
    Command(
        ("diff",),
        "postroad.commands.diff",
        "say what a run would change on the hosts, line by line",
    ),
    Command(
        ("send-test",),
        "postroad.commands.send_test",
        "submit a message by every stream as an application would, and follow it",
    ),
    Command(
        ("queue",),
        "postroad.commands.queue",
        "say what waits in the queues of all hosts, for whom, and why",
    ),
    Command(
        ("explain",),
        "postroad.commands.explain",
        "tell what became of a message, or of all to an address, from the hosts' logs",
    ),
    Command(
        ("backup",),
        "postroad.commands.backup",
        "keep what stands on the hosts alone: keys, certificates, mailboxes",
    ),
    Command(
        ("audit",),
        "postroad.commands.audit",
        "check what must be true on the live hosts",
    ),
)


# 128 and the signal's number, SIGINT and SIGPIPE (signal(7)), as a shell says it (POSIX, 2.8.2).
INTERRUPTED = 130
CUT_OFF = 141
# The answer cannot be told.
UNTOLD = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv`` names (the process's own arguments without it).

    Returns its exit status: 0 done, 1 the answer is no, 2 it could not be asked; INTERRUPTED, or
    CUT_OFF where nobody reads the answer any more.
    """
    if fault := streams_open():
        complain(fault)
        return UNTOLD
    any_character()
    before, threading.excepthook = threading.excepthook, _ended_in_a_thread
    try:
        try:
            return _run(list(sys.argv[1:] if argv is None else argv))
        finally:
            threading.excepthook = before
            flush()
    except KeyboardInterrupt:
        _interrupted()
    except BrokenPipeError:
        # Whoever read the answer has enough of it, as head(1).
        nobody_reads()
        return CUT_OFF
    except OSError as error:
        # A full disk, a name that is too long for one: the machine's trouble, without our frames.
        complain(_told(error))
        return UNTOLD


def _interrupted() -> NoReturn:
    complain("interrupted")
    # At once: connections that are still being made would be waited for, and tell of their own
    # end in frames.
    os._exit(INTERRUPTED)


def _ended_in_a_thread(ended: threading.ExceptHookArgs) -> None:
    """Ctrl-C may find a thread of paramiko's at work, which is a greenlet: it would be lost there.

    pyinfra has threads made cooperative (gevent), so that all of them are in the main one.
    """
    if issubclass(ended.exc_type, KeyboardInterrupt):
        _interrupted()
    threading.__excepthook__(ended)


def _told(error: OSError) -> str:
    if error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def _run(words: list[str]) -> int:
    if words in (["-h"], ["--help"]):
        tell(usage())
        return 0
    if words == ["--version"]:
        tell(f"postroad {VERSION}")
        return 0
    command = next((c for c in COMMANDS if words[: len(c.words)] == list(c.words)), None)
    if command is None:
        if words:
            complain(_unknown(words))
        complain(usage())
        return 2
    try:
        module = cast(CommandModule, import_module(command.module))
    except ModuleNotFoundError as missing:
        complain(
            f"this Python has no {missing.name}: install postroad into it, or activate the"
            " environment that has it, as by `. .venv/bin/activate`"
        )
        return 2
    parser = argparse.ArgumentParser(prog=command.call, description=command.help)
    module.add_arguments(parser)
    return module.run(parser.parse_args(words[len(command.words) :]))


def _unknown(words: Sequence[str]) -> str:
    """What to type in place of words that call no command."""
    known = [*(" ".join(command.words) for command in COMMANDS), "--version", "--help"]
    typed = list(words[:2])
    alike = (nearest(" ".join(typed[:count]), known) for count in (2, 1))
    likely = next(filter(None, alike), None)
    mend = f"; type postroad {likely}" if likely else ""
    return f"postroad has no command {' '.join(typed)}{mend}"


def usage() -> str:
    """Every command with its line of help."""
    width = max(len(command.call) for command in COMMANDS)
    lines = [f"  {command.call:<{width}}  {command.help}" for command in COMMANDS]
    return "\n".join(
        [
            "usage: postroad COMMAND ... (-h after a command tells its arguments), or --version",
            *lines,
        ]
    )
