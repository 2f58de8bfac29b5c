"""What is tried of the instance on port 25."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from functools import partial

from postroad.onhost.canary.budget import budget
from postroad.onhost.canary.commands import content, wait_for
from postroad.onhost.canary.daemons import start
from postroad.onhost.canary.delivery import sent
from postroad.onhost.canary.dialogue import session, submit
from postroad.onhost.canary.journal import Journal
from postroad.onhost.canary.listeners import Listener, listeners
from postroad.onhost.canary.mail import ELSEWHERE, STRANGER, Mail, letter, percent_hack
from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.probes import Probe, check_probe
from postroad.onhost.canary.refusal import RefusedError
from postroad.onhost.canary.signature import is_signed
from postroad.onhost.canary.tables import parameter, postmap
from postroad.onhost.canary.tasks import Task, together


def check_inbound(canary: Canary, journal: Journal) -> None:
    """Our own addresses get mail into their Maildirs; nobody else does, and nothing is relayed."""
    start(canary, journal)
    domains = parameter(canary, "virtual_mailbox_domains").replace(",", " ").split()
    if not domains:
        raise RefusedError("virtual_mailbox_domains is empty: this instance takes no mail at all")
    doors = listeners(canary)
    if not doors:
        raise RefusedError("master.cf has no smtpd service: this instance takes no mail at all")
    tasks: list[Task] = []
    for at in doors:
        tasks += [partial(check_mailbox, canary, at, to) for to in mailboxes(canary, domains)]
        tasks += [partial(check_probe, probe, "") for probe in inbound_probes(at, domains[0])]
    with budget(canary):
        together(canary, tasks)
    with budget(canary, size=0):
        check_full(doors[0], f"postmaster@{domains[0]}")


def check_full(at: Listener, recipient: str) -> None:
    """A mailbox that has had enough takes no more, and says so before the message is sent."""
    with session(at, STRANGER) as smtp:
        answer = submit(smtp, "", recipient, letter(ELSEWHERE, secrets.token_hex(8)))
    if answer.code != 452 or answer.command != "RCPT":
        raise RefusedError(f"mail to {recipient}, which is full, is answered {answer}")


def mailboxes(canary: Canary, domains: Sequence[str]) -> Iterator[str]:
    """The addresses that have to be there: bounces where the table has them, postmaster always."""
    maps = parameter(canary, "virtual_mailbox_maps")
    for domain in domains:
        yield f"postmaster@{domain}"
        address = f"bounce@{domain}"
        if postmap(canary, address, maps):
            yield address


def inbound_probes(at: Listener, domain: str) -> Iterator[Probe]:
    """Everything that the instance must refuse; ``domain`` is one of its own."""
    for what, recipient, client in (
        ("relaying for the host itself", ELSEWHERE, ""),
        ("relaying for a stranger", ELSEWHERE, STRANGER),
        ("a %-hack of a stranger", percent_hack(domain), STRANGER),
        ("an unknown address", f"canary-nobody@{domain}", STRANGER),
    ):
        yield Probe(what, at, Mail("", recipient, ELSEWHERE), client=client)


def check_mailbox(canary: Canary, at: Listener, recipient: str) -> None:
    """A bounce to ``recipient`` is in a Maildir, unsigned."""
    token = secrets.token_hex(8)
    with session(at, STRANGER) as smtp:
        answer = submit(smtp, "", recipient, letter(ELSEWHERE, token))
    queue_id = answer.queue_id
    if not queue_id:
        raise RefusedError(f"a bounce to {recipient} was refused at {at}: {answer}")
    wait_for(lambda: sent(canary, queue_id), f"a bounce to {recipient}: accepted, not delivered")
    found = (content(place) for place in canary.mailboxes.rglob("new/*"))
    raw = next((raw for raw in found if token.encode() in raw), None)
    if raw is None:
        raise RefusedError(f"a bounce to {recipient} is in no Maildir")
    if is_signed(raw):
        raise RefusedError(f"a bounce to {recipient} was signed: a signer here signs forgeries")
