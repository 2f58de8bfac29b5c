"""``postroad init [FOLDER]``: a first repository of an operator's own, asked for or given."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path

from postroad.commands.new_estate.place import in_the_way, write
from postroad.commands.new_estate.plan import UNANSWERED, Plan
from postroad.commands.new_estate.questions import QUESTIONS, Question, faults_between
from postroad.commands.new_estate.repository import files
from postroad.settings.faults import EstateFaults, Fault
from postroad.settings.terminal import ask, complain, tell

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class NoAnswerError(Exception):
    """Nobody is there to answer any more."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder, the name of the inventory, and an option for each question."""
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(), help="where to (default: this folder)"
    )
    parser.add_argument(
        "--name", type=_name, default=UNANSWERED.name, help="of the inventory (default: prod)"
    )
    for question in QUESTIONS:
        parser.add_argument(
            question.option,
            dest=question.field,
            action="append",
            metavar=question.metavar,
            help=_words(question),
        )
    parser.add_argument(
        "--yes", action="store_true", help="ask nothing: what is left out has its default"
    )
    parser.epilog = (
        "--host, --stream and the networks may be repeated. What is given is not asked. Nothing"
        " that is there is overwritten. Exit status: 0 written, 1 files are in the way, 2 arguments"
        " are at fault or missing; nothing is written then."
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask, write, and say what comes next."""
    folder: Path = arguments.folder
    plan = replace(UNANSWERED, name=arguments.name)
    if found := in_the_way(folder, files(plan)):
        listed = "\n".join(f"  {place}" for place in found)
        complain(
            f"in the way, and not overwritten:\n{listed}\n"
            "name another folder, or move them away; nothing was written"
        )
        return 1
    try:
        plan = _given(plan, arguments)
        plan = plan if arguments.yes else _asked(plan, arguments)
    except EstateFaults as faults:
        complain("\n".join(map(str, faults.faults)))
        complain("nothing was written")
        return 2
    except NoAnswerError:
        complain("no answer: give the rest as arguments, with --yes; nothing was written")
        return 2
    try:
        write(folder, files(plan))
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}; nothing was written")
        return 2
    tell(_next(folder, plan))
    return 0


def _given(plan: Plan, arguments: argparse.Namespace) -> Plan:
    """The plan with what was given as arguments, and with --yes the defaults of all the rest.

    Raises EstateFaults with everything that is wrong or missing there.
    """
    faults: list[Fault] = []
    for question in QUESTIONS:
        texts: list[str] | None = getattr(arguments, question.field)
        text = question.default(plan) if texts is None and arguments.yes else " ".join(texts or [])
        if text is None:
            mend = f"write {question.option} {question.metavar}: {_words(question)}"
            faults.append(Fault(question.option, "is missing", mend))
        elif texts is not None or arguments.yes:
            try:
                plan = question.answered(plan, text)
            except EstateFaults as found:
                faults += found.faults
    if faults := faults or list(faults_between(plan)):
        raise EstateFaults(faults)
    return plan


def _words(question: Question) -> str:
    return question.asks[0].lower() + question.asks[1:]


def _asked(plan: Plan, arguments: argparse.Namespace) -> Plan:
    """The plan with the answers of whoever sits there; each is asked again until it is right."""
    for question in QUESTIONS:
        if getattr(arguments, question.field) is None:
            plan = _ask(question, plan)
    return plan


def _ask(question: Question, plan: Plan) -> Plan:
    default = question.default(plan)
    prompt = f"{question.asks}{f' [{default}]' if default else ''}: "
    while True:
        try:
            text = ask(prompt)
        except EOFError:
            raise NoAnswerError from None
        try:
            answered = question.answered(plan, text.strip() or default or "")
        except EstateFaults as found:
            wrong = found.faults
        else:
            wrong = faults_between(answered)
            if not wrong:
                return answered
        for fault in wrong:
            complain(f"  {fault.wrong}; {fault.mend}")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f'"{text}": write small letters, digits and _, as prod')
    return text


def _next(folder: Path, plan: Plan) -> str:
    inventory = f"inventories/{plan.name}.py"
    there = "" if folder == Path() else f" in {folder}"
    addresses = " ".join(str(server.ipv4) for server in plan.servers)
    return f"""\
written{there}: {", ".join(dict.fromkeys(path.parts[0] for path in files(plan)))}

Next{there} (README.md tells it again):
  1. ssh-keyscan -t ed25519 {addresses} > inventories/known_hosts
     and compare the keys with what the hoster's console shows
  2. postroad secret hash
     once for each login: its hash goes into group_data/{plan.name}.py, in the place of NOT_YET
  3. postroad settings check {inventory}
  4. postroad dns plan {inventory}
     what to publish before the first run
  5. pyinfra {inventory} deploys/mailserver.py"""
