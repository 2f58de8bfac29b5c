"""canary: may this staged configuration go live?

    canary stream NAME STAGE
    canary inbound STAGE
    canary default STAGE

STAGE holds the staged files below their absolute paths. Exit status 0 and silence when they are
good; 1 and plain lines on standard error when they are refused: what failed, then the daemons' own
words; 2 when it was called wrongly. Root only. Nothing of the live configuration is touched.

postfix(1) check and opendkim(8) -n pass most broken configurations, so the staged one is started
for real: from the same unit templates, sandbox included, in a network namespace of its own. There
loopback carries a copy of the host's addresses: every listener keeps its address and port, two
canaries cannot collide, and nothing can reach the world. A message has to come out at a sink with
a signature that verifies, and everything that must be refused has to be.

All of it hangs on one transient unit. When that ends, however it ends, systemd stops the daemons
bound to it and removes its files, which are runtime directories (systemd.exec(5)).

The rooms, in the order in which a canary goes through them:

    launch                              the caller's process: the transient unit, and its verdict
    inside                              that unit's whole life
    places                              what a canary's units, folders and files are called
    stage, overlay                      the copy of the staged files, and what is changed in it
    checkers                            what the daemons' own checkers say without a start
    daemons, sink, journal              started for real; where mail comes out; what they say
    tables, keys, logins, listeners     the staged configuration, as its tables say it
    added_listeners                     for what the staged listeners do not let it try
    stream, submission, system_mail     what is tried of a stream: as a whole, by logins, by root
    inbound, null_client                what is tried of the instance on port 25, and of the default
    budget                              what answers the former when it asks for a mailbox's budget
    delivery, signature, probes, tasks  good mail arrives and verifies; bad mail is refused
    mail, dialogue                      messages; SMTP
    commands, refusal                   a command, a wait; the verdict's words
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from postroad.onhost.canary.inside import sing
from postroad.onhost.canary.launch import LIFETIME_SECONDS, launch, only_one
from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.refusal import RefusedError

USAGE = "usage: canary stream NAME STAGE | canary inbound STAGE | canary default STAGE"
REFUSED_STATUS = 3  # Of the transient unit alone: tells a verdict from a canary that died.


def called(arguments: Sequence[str]) -> Canary | None:
    """The canary that the command line asks for; None where it is no such command line."""
    *kind, name, stage = ["", "", *arguments]
    canary = Canary(name, Path(stage).absolute())
    if kind == ["", "", "stream"] and re.fullmatch(r"[a-z0-9]+", name) and canary.is_stream:
        return canary
    if kind == ["", ""] and name in ("inbound", "default"):
        return canary
    return None


def judge(name: str, stage: str, *addresses: str) -> int:
    """The transient unit's half: 0 for a good configuration, REFUSED_STATUS for a refused one."""
    try:
        sing(Canary(name, Path(stage)), addresses)
    except RefusedError as refusal:
        print(refusal, file=sys.stderr)
        return REFUSED_STATUS
    return 0


def ask(canary: Canary) -> int:
    """The caller's half: 0 for a good configuration, 1 for a refused one and for no verdict."""
    try:
        with only_one(canary):
            status = launch(canary)
    except RefusedError as refusal:
        print(refusal, file=sys.stderr)
        return 1
    if status not in (0, REFUSED_STATUS):
        print(
            f"the canary of {canary.name} gave no verdict: it was ended, or took longer than "
            f"{LIFETIME_SECONDS} s",
            file=sys.stderr,
        )
    return 0 if status == 0 else 1


def main(arguments: list[str]) -> int:
    """The exit status: 0 good, 1 refused, 2 a wrong call."""
    if arguments[:1] == ["--inside"]:
        return judge(*arguments[1:])
    canary = called(arguments)
    if canary is None:
        print(USAGE, file=sys.stderr)
        return 2
    return ask(canary)
