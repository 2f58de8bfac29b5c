"""What the daemons say: the journal, the Postfix log, and the complaints in both."""

from __future__ import annotations

import json
import pwd
import re
from collections.abc import Iterator
from dataclasses import dataclass

from postroad.onhost.canary.commands import run
from postroad.onhost.canary.places import Canary

QUOTED_LINES = 12

# The last row of the signing table (opendkim/signing.table): the probes with a foreign From: meet
# it, and the signer says so.
NO_KEY = "signing table references unknown key 'no-key-for-this-sender'"
# What says nothing of the configuration.
HARMLESS = re.compile(
    # The canary provokes it itself: one login with a wrong password.
    r"warning: \S+: SASL PLAIN authentication failed"
    # cleanup(8) compares a new file's time with a clock that it has read before; on a busy host,
    # or while the clock is being set, they differ by a second.
    r"|warning: file system clock is \d+ seconds (?:ahead|behind)"
    r"|warning: resetting file time stamps"
)
POSTFIX_COMPLAINT = re.compile(r"\b(?:warning|error|fatal|panic): ")
DOVECOT_COMPLAINT = re.compile(r"\b(?:Warning|Error|Fatal|Panic): ")


@dataclass(frozen=True)
class Journal:
    """The journal from a point in time on."""

    cursor: str

    @classmethod
    def from_now(cls) -> Journal:
        # What was said of the last canary's daemons, which had the same names, is in it by then.
        run("journalctl", "--sync")
        shown = run("journalctl", "--quiet", "--lines=0", "--show-cursor").stdout
        return cls(shown.partition("-- cursor: ")[2].strip())

    def lines(self, unit: str, *options: str) -> list[str]:
        """What ``unit`` has said since, and what systemd has said of it."""
        run("journalctl", "--sync")
        after = (f"--after-cursor={self.cursor}",) if self.cursor else ()
        shown = run("journalctl", "--quiet", "--output=cat", f"--unit={unit}", *after, *options)
        return shown.stdout.splitlines()

    def last_words(self, program: str) -> list[str]:
        """Warnings since of a ``program`` that ended before the journal knew its unit.

        journald(8) looks for the unit of a message in /proc, where on a busy host there may be
        nobody any more. Anybody can log under any identifier (logger(1) -t); the user is the
        kernel's word (systemd.journal-fields(7), trusted fields).
        """
        after = (f"--after-cursor={self.cursor}",) if self.cursor else ()
        user = f"_UID={pwd.getpwnam(program).pw_uid}"
        which = (f"--identifier={program}", "--priority=warning", user)
        shown = run("journalctl", "--quiet", "--output=json", *which, *after)
        entries = [json.loads(line) for line in shown.stdout.splitlines()]
        return [str(each["MESSAGE"]) for each in entries if "_SYSTEMD_UNIT" not in each]


def logged(canary: Canary) -> str:
    """What the Postfix instance has logged so far."""
    return canary.log.read_text(errors="replace") if canary.log.exists() else ""


def is_broken(canary: Canary) -> bool:
    """Whether a Postfix daemon has given up; whoever talks to it waits for nothing."""
    return re.search(r" (?:fatal|panic): ", logged(canary)) is not None


def complaints(canary: Canary, journal: Journal) -> list[str]:
    """Each warning, error, fatal and panic of the daemons that the canary did not provoke."""
    found = list(_postfix_complaints(canary, journal))
    if canary.is_stream:
        found += [
            f"opendkim: {re.sub(r'^[0-9A-Za-z]{10,}: ', '', line)}"
            for line in (
                *journal.lines(canary.signer, "--priority=warning"),
                *journal.last_words("opendkim"),
            )
            if NO_KEY not in line
        ]
        found += [
            f"dovecot: {line}"
            for line in journal.lines(canary.logins)
            if DOVECOT_COMPLAINT.search(line)
        ]
    return list(dict.fromkeys(found))


def _postfix_complaints(canary: Canary, journal: Journal) -> Iterator[str]:
    # postfix(1) check, which the unit runs first, logs or tells, and ends with 0 either way.
    for line in [*logged(canary).splitlines(), *journal.lines(canary.daemons[-1])]:
        if POSTFIX_COMPLAINT.search(line) and not HARMLESS.search(line):
            yield re.sub(r"^.*? (\S+/\S+)\[\d+\]: ", r"\1: ", line)
