"""What is tried at the listener of the host's own mail: one sender, one recipient."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from functools import partial

from postroad.onhost.canary.delivery import carry
from postroad.onhost.canary.dialogue import session, submit
from postroad.onhost.canary.keys import keys
from postroad.onhost.canary.listeners import Listener
from postroad.onhost.canary.logins import waiting
from postroad.onhost.canary.mail import ELSEWHERE, STRANGER, Mail, domain_of, letter
from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.probes import Probe, check_probe
from postroad.onhost.canary.refusal import RefusedError
from postroad.onhost.canary.tables import table
from postroad.onhost.canary.tasks import Task

# policy.lua is made by the same hand as this program.
_SENDER = re.compile(r'^local system_sender = "([^"]+)"$', re.MULTILINE)


def system_mail(canary: Canary) -> Mail:
    """A message as root's and cron's arrive from the default instance."""
    policy = (canary.folder / "policy.lua").read_text(encoding="utf-8")
    found = _SENDER.search(policy)
    if found is None:
        raise RefusedError("policy.lua names no sender of the host's own mail")
    sender = found.group(1)
    return Mail(sender, table(canary.config / "system_recipient")[0][0], sender)


def system_tasks(canary: Canary, doors: Sequence[Listener]) -> Iterator[Task]:
    """The host's own mail is carried, everything else is refused."""
    good = system_mail(canary)
    waits = domain_of(good.sender) in waiting(canary)
    for at in doors:
        yield partial(check_waits, at, good) if waits else partial(check_carried, canary, at, good)
        for probe in system_probes(at, good):
            yield partial(check_probe, probe, "")


def check_carried(canary: Canary, at: Listener, mail: Mail) -> None:
    """The host's own mail comes out, signed."""
    key = keys(canary).get(domain_of(mail.sender))
    if key is None:
        raise RefusedError(f"key.table has no key for the system sender, {mail.sender}")
    with session(at) as smtp:
        carry(canary, smtp, mail, key)


def check_waits(at: Listener, mail: Mail) -> None:
    """The host's own mail waits with all mail of its domain; RefusedError where it does not."""
    with session(at) as smtp:
        token = secrets.token_hex(8)
        answer = submit(smtp, mail.sender, mail.recipient, letter(mail.from_address, token))
    if not (answer.command == "DATA" and 400 <= answer.code < 500):
        raise RefusedError(f"mail From: {mail.sender} waits, and {at} answers {answer}")


def system_probes(at: Listener, good: Mail) -> Iterator[Probe]:
    """Everything that the listener of the host's own mail must refuse."""
    other = f"canary-nobody@{domain_of(good.sender)}"
    yield Probe("another sender", at, Mail(other, good.recipient, good.sender))
    yield Probe("another recipient", at, Mail(good.sender, ELSEWHERE, good.sender))
    yield Probe("From: another address", at, Mail(good.sender, good.recipient, other))
    relayed = Mail(good.sender, ELSEWHERE, good.sender)
    yield Probe("mail of a stranger", at, relayed, client=STRANGER)
