"""What is tried at the listener of the host's own mail: one sender, one recipient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from delivery import carry
from dialogue import session
from keys import keys
from listeners import Listener
from mail import ELSEWHERE, STRANGER, Mail, domain_of
from places import Canary
from probes import Probe, check_probe
from refusal import RefusedError
from tables import table
from tasks import Task


def system_mail(canary: Canary) -> Mail:
    """A message as root's and cron's arrive from the default instance."""
    sender = table(canary.config / "system_sender")[0][0]
    return Mail(sender, table(canary.config / "system_recipient")[0][0], sender)


def system_tasks(canary: Canary, doors: Sequence[Listener]) -> Iterator[Task]:
    """The host's own mail is carried, everything else is refused."""
    good = system_mail(canary)
    for at in doors:
        yield partial(check_carried, canary, at, good)
        for probe in system_probes(at, good):
            yield partial(check_probe, probe, "")


def check_carried(canary: Canary, at: Listener, mail: Mail) -> None:
    """The host's own mail comes out, signed."""
    key = keys(canary).get(domain_of(mail.sender))
    if key is None:
        raise RefusedError(f"key.table has no key for the system sender, {mail.sender}")
    with session(at) as smtp:
        carry(canary, smtp, mail, key)


def system_probes(at: Listener, good: Mail) -> Iterator[Probe]:
    """Everything that the listener of the host's own mail must refuse."""
    other = f"canary-nobody@{domain_of(good.sender)}"
    yield Probe("another sender", at, Mail(other, good.recipient, good.sender))
    yield Probe("another recipient", at, Mail(good.sender, ELSEWHERE, good.sender))
    yield Probe("From: another address", at, Mail(good.sender, good.recipient, other))
    relayed = Mail(good.sender, ELSEWHERE, good.sender)
    yield Probe("mail of a stranger", at, relayed, client=STRANGER)
