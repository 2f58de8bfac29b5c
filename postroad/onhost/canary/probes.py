"""Messages that must be refused."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from postroad.onhost.canary.dialogue import logged_in, session, submit
from postroad.onhost.canary.listeners import Listener
from postroad.onhost.canary.mail import Mail, letter
from postroad.onhost.canary.refusal import RefusedError


@dataclass(frozen=True)
class Probe:
    """A message that must be refused, from a login, or from a client that has none."""

    what: str
    listener: Listener
    mail: Mail
    login: str = ""
    client: str = ""


def check_probe(probe: Probe, password: str) -> None:
    """The message is refused, and a stranger's before its text; RefusedError where it is not."""
    with (
        logged_in(probe.listener, probe.login, password)
        if probe.login
        else session(probe.listener, probe.client)
    ) as smtp:
        mail = probe.mail
        message = letter(mail.from_address, secrets.token_hex(8))
        answer = submit(smtp, mail.sender, mail.recipient, message)
    if answer.is_acceptance:
        raise RefusedError(f"{probe.what} was accepted at {probe.listener}: {answer}")
    if probe.client and answer.command == "DATA":
        raise RefusedError(f"{probe.what} was let in at {probe.listener}, as far as {answer}")
