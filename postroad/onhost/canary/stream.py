"""What is tried of a stream."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from functools import partial

from postroad.onhost.canary.added_listeners import LISTS, is_closed, lone_lists, opened, unchecked
from postroad.onhost.canary.daemons import start
from postroad.onhost.canary.dialogue import logged_in, session, submit
from postroad.onhost.canary.journal import Journal
from postroad.onhost.canary.keys import keys
from postroad.onhost.canary.listeners import Listener, listeners
from postroad.onhost.canary.logins import address_in, logins, set_password, waiting
from postroad.onhost.canary.mail import (
    ELSEWHERE,
    NO_MAIL_HOSTS,
    STRANGER,
    Mail,
    domain_of,
    unreadable,
)
from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.probes import Probe, check_probe
from postroad.onhost.canary.refusal import RefusedError
from postroad.onhost.canary.sink import SINK_PORT, sink, sink_address
from postroad.onhost.canary.submission import good_letters, submission_tasks
from postroad.onhost.canary.system_mail import system_mail, system_tasks
from postroad.onhost.canary.tables import parameter, postmap
from postroad.onhost.canary.tasks import Task, together


def check_stream(canary: Canary, journal: Journal) -> None:
    """Every listener, login and key carries mail that verifies; everything else is refused."""
    password = secrets.token_urlsafe(24)
    set_password(canary, password)
    staged = listeners(canary)
    closed = staged if is_closed(canary) else ()
    has_doors = any(one.takes_logins for one in staged)
    doors = opened(canary, staged) if closed or not has_doors else staged
    lists = lone_lists(canary)
    bare = unchecked(canary)
    check_filter(canary)
    start(canary, journal)
    with sink(canary, sink_address(canary), SINK_PORT):
        together(
            canary,
            [
                *(partial(check_closed, canary, at, password) for at in closed),
                *submission_tasks(canary, [at for at in doors if at.takes_logins], password),
                *system_tasks(canary, [at for at in doors if not at.takes_logins]),
                *list_tasks(lists),
                *seal_tasks(canary, bare, password),
            ],
        )


def check_filter(canary: Canary) -> None:
    """Answers that name loopback are left out; the copy's mail is sent to an address that is
    written down, and meets no answer."""
    maps = parameter(canary, "smtp_dns_reply_filter")
    for answer in NO_MAIL_HOSTS:
        if postmap(canary, answer, maps) != "IGNORE":
            raise RefusedError(f"smtp_dns_reply_filter: mail goes where {answer} says")


def check_closed(canary: Canary, at: Listener, password: str) -> None:
    """A closed stream defers, and says why to those who may log in."""
    if at.takes_logins:
        (login, *_) = logins(canary)
        mail, names = Mail(address_in(login.envelope_grants[0]), ELSEWHERE, ""), "is closed"
        door = logged_in(at, login.name, password)
    else:
        mail, names = system_mail(canary), ""
        door = session(at)
    with door as smtp:
        answer = submit(smtp, mail.sender, mail.recipient, b"")
    if not (answer.command == "RCPT" and 400 <= answer.code < 500 and names in answer.text):
        raise RefusedError(f"the stream is closed, and {at} answers {answer}")


def seal_tasks(canary: Canary, bare: Listener, password: str) -> Iterator[Task]:
    """What the signer cannot read stays here, even where nothing before it has refused that."""
    known, signing = logins(canary), keys(canary)
    letters = good_letters(known, signing, waiting(canary)) if known else []
    if letters:
        login, address = letters[0]
        mail = Mail(address_in(login.envelope_grants[0]), ELSEWHERE, unreadable(address))
        what = "From: a field that the signer cannot read, past header_checks,"
        yield partial(check_probe, Probe(what, bare, mail, login.name), password)


def list_tasks(lists: Sequence[Listener]) -> Iterator[Task]:
    """Strangers are refused behind each restriction list."""
    for name, at in zip(LISTS, lists):
        what = f"mail of a stranger, by smtpd_{name}_restrictions alone,"
        mail = Mail(f"stranger@{domain_of(ELSEWHERE)}", ELSEWHERE, ELSEWHERE)
        yield partial(check_probe, Probe(what, at, mail, client=STRANGER), "")
