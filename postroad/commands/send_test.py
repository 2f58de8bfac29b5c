"""``postroad send-test INVENTORY ADDRESS``: submit as an application does, and follow it."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from postroad.commands.asking import NOBODY, told
from postroad.commands.output import add_json, answer
from postroad.roles.run.ask import UnansweredError
from postroad.roles.run.facts.followed import LONGEST
from postroad.roles.run.inventory import load
from postroad.roles.run.live import of_each, reaching
from postroad.roles.run.site import Site
from postroad.roles.run.trial import TrustError, closed, send, trust
from postroad.settings.model import Estate, SecretRef, StreamName
from postroad.settings.secrets import Secret, resolve
from postroad.settings.shapes import Node
from postroad.settings.terminal import complain
from postroad.settings.values import email, sender
from postroad.watch.send_test.letter import SenderError
from postroad.watch.send_test.logins import FORMS, LoginError, source_of
from postroad.watch.send_test.outcome import Outcome, as_json, status, text
from postroad.watch.send_test.plan import Meant, MeantError, Trial, trials

if TYPE_CHECKING:
    # Never first: pyinfra makes sockets cooperative before anybody imports it.
    import ssl

SECONDS = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The inventory, the address, what of the estate, and where passwords are."""
    parser.add_argument("inventory", type=Path, help="inventory file, as inventories/prod.py")
    parser.add_argument("address", type=_address, help="a mailbox of yours to send to")
    parser.add_argument("--stream", choices=get_args(StreamName), help="only this one")
    parser.add_argument("--host", help="only this one, by its name in the inventory")
    parser.add_argument(
        "--login",
        action="append",
        default=[],
        metavar="NAME",
        help="which login, where a stream has several; may be repeated",
    )
    parser.add_argument(
        "--from",
        dest="sender",
        type=_sender,
        metavar="ADDRESS",
        help="what From: holds, an address or a domain; else the login's first",
    )
    parser.add_argument(
        "--password",
        action="append",
        default=[],
        type=_source,
        metavar="LOGIN=SOURCE",
        help=f"where a login's password is ({FORMS}); may be repeated. Else it is asked for, or a"
        " line for each login is read where standard input is no terminal",
    )
    parser.add_argument(
        "--wait",
        type=_seconds,
        default=SECONDS,
        metavar="SECONDS",
        help=f"how long each message is followed, {LONGEST} at most (default: {SECONDS})",
    )
    add_json(parser)
    parser.epilog = (
        "One message for each stream and host, submitted on the host through the SSH connection, so"
        " that no firewall has to know you; encrypted from here to the daemon. Exit status: 0"
        " delivered, 1 not, 2 it could not be asked."
    )


def run(arguments: argparse.Namespace) -> int:
    """Submit, follow, tell."""
    return told(lambda: _tried(arguments))


def _address(written: str) -> str:
    node = Node(_in_small(written), "", [])
    found = email(node)
    if found is None:
        raise argparse.ArgumentTypeError(f"{written!a}: {_why(node)}")
    return found


def _sender(written: str) -> str:
    node = Node(_in_small(written if "@" in written else f"@{written}"), "", [])
    found = sender(node)
    if found is None:
        raise argparse.ArgumentTypeError(f"{written!a}: {_why(node)}")
    return found


def _in_small(address: str) -> str:
    """Its domain in small letters: the same one to mail (RFC 5321 2.4), not to the settings."""
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.lower()}"


def _why(node: Node) -> str:
    return "; ".join(f"{fault.wrong}; {fault.mend}" for fault in node.faults)


def _source(written: str) -> tuple[str, SecretRef]:
    try:
        return source_of(written)
    except LoginError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _seconds(written: str) -> float:
    try:
        found = float(written)
    except ValueError:
        found = 0.0
    if not 1 <= found <= LONGEST:
        raise argparse.ArgumentTypeError(f"{written!a}: write seconds, from 1 to {LONGEST}")
    return found


def _tried(arguments: argparse.Namespace) -> int:
    try:
        loaded = load(arguments.inventory)
        planned = trials(loaded.estate, _meant(arguments))
        sources = _sources(arguments.password, loaded.estate)
        trusted = trust(loaded.estate, loaded.base)
        with reaching(loaded, {trial.host.name for trial in planned}) as found:
            looked = of_each(found.sites, partial(_looked, planned))
            closed_because = _told_of(looked)
            passwords = _passwords([t for t, why in closed_because.items() if not why], sources)
            sent = of_each(
                [site for site, a in zip(found.sites, looked, strict=True) if isinstance(a, dict)],
                partial(_sent, closed_because, passwords, trusted, arguments.wait),
            )
    except (MeantError, LoginError, SenderError, TrustError) as error:
        complain(error)
        return NOBODY
    silent = [one for one in (*found.silent, *looked, *sent) if isinstance(one, UnansweredError)]
    for one in silent:
        complain(one)
    outcomes = [one for each in sent if isinstance(each, list) for one in each]
    written = text(str(arguments.inventory), outcomes, loaded.estate.lone)
    answer(written, as_json(outcomes), arguments.json)
    return status(outcomes, silent)


def _meant(arguments: argparse.Namespace) -> Meant:
    return Meant(
        arguments.address, arguments.stream, arguments.host, arguments.login, arguments.sender
    )


def _looked(planned: Sequence[Trial], site: Site) -> dict[Trial, str]:
    """Why each message that a host is to take cannot be submitted there; empty where it can."""
    return {one: closed(site, one) for one in planned if one.host.name == site.host.name}


def _told_of(looked: Sequence[dict[Trial, str] | UnansweredError]) -> dict[Trial, str]:
    return {one: why for of in looked if isinstance(of, dict) for one, why in of.items()}


def _sent(
    closed_because: Mapping[Trial, str],
    passwords: Mapping[str, Secret],
    trusted: ssl.SSLContext,
    wait: float,
    site: Site,
) -> list[Outcome]:
    """What became of each message of a host; what is not answered of one is no other's."""

    def of(trial: Trial, why: str) -> Outcome:
        if why:
            return Outcome(site.host.name, trial.stream.name, "closed", why)
        try:
            return send(site, trial, passwords[trial.user.name], trusted, wait)
        except UnansweredError as error:
            return Outcome(site.host.name, trial.stream.name, "unknown", error.reason)

    return [of(one, why) for one, why in closed_because.items() if one.host.name == site.host.name]


def _sources(named: Sequence[tuple[str, SecretRef]], estate: Estate) -> Mapping[str, SecretRef]:
    """Where the password of each login is. LoginError for a login that there is not."""
    known = {user.login: user.name for stream in estate.streams for user in stream.users}
    for login, _ in named:
        if login.lower() not in known:
            there = ", ".join(known.values())
            raise LoginError(f"--password names the login {login}; there are {there}")
    return {known[login.lower()]: source for login, source in named}


def _passwords(trials: Sequence[Trial], sources: Mapping[str, SecretRef]) -> dict[str, Secret]:
    """The password of each login that is used, from its source, the terminal or standard input.

    Raises LoginError where there is none, SecretError where a source does not give it.
    """
    logins = dict.fromkeys(trial.user.name for trial in trials)
    return {name: _password(name, sources.get(name)) for name in logins}


def _password(login: str, source: SecretRef | None) -> Secret:
    if source is not None:
        return resolve(source, Path.cwd())
    asks = sys.stdin is not None and sys.stdin.isatty()
    typed = _typed(login) if asks else _line_of_input()
    if not typed:
        raise LoginError(
            f"there is no password for the login {login}: type it, or name where it is, as"
            f" --password {login}=env:VARIABLE"
        )
    return Secret(typed)


def _typed(login: str) -> str:
    try:
        return getpass.getpass(f"Password of {login}: ")
    except EOFError:
        return ""


def _line_of_input() -> str:
    try:
        return sys.stdin.readline().rstrip("\r\n") if sys.stdin else ""
    except UnicodeDecodeError:
        raise LoginError("standard input is not UTF-8 text: write the password as text") from None
