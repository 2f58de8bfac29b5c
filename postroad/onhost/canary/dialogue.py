"""SMTP: sessions, logins, and one message offered."""

from __future__ import annotations

import base64
import re
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from postroad.onhost.canary.commands import WAIT_SECONDS
from postroad.onhost.canary.listeners import Listener
from postroad.onhost.canary.refusal import RefusedError
from postroad.onhost.common.tls import any_certificate

HELO = "canary.invalid"


@dataclass(frozen=True)
class Answer:
    """The last reply to one message: at which command, with which code and text."""

    command: str
    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text} (to {self.command})"

    @property
    def is_acceptance(self) -> bool:
        return self.command == "DATA" and self.code == 250

    @property
    def queue_id(self) -> str:
        """The name that the message was queued by; empty where it was not accepted."""
        queued = re.search(r"queued as (\S+)", self.text) if self.is_acceptance else None
        return queued.group(1) if queued else ""


def _answer(command: str, code: int, text: bytes) -> Answer:
    """A reply as smtplib has it."""
    return Answer(command, code, text.decode(errors="replace"))


def connect(at: Listener) -> smtplib.SMTP:
    """A connection, with TLS where the listener begins with it."""
    if at.is_implicit_tls:
        return smtplib.SMTP_SSL(
            at.address, at.port, HELO, timeout=WAIT_SECONDS, context=any_certificate()
        )
    return smtplib.SMTP(at.address, at.port, HELO, timeout=WAIT_SECONDS)


@contextmanager
def _faults_refused(at: Listener) -> Iterator[None]:
    """A connection that breaks is a refusal, too."""
    try:
        yield
    except (OSError, smtplib.SMTPException) as fault:
        raise RefusedError(f"{at}: {fault}") from None


@contextmanager
def session(at: Listener, client: str = "") -> Iterator[smtplib.SMTP]:
    """An SMTP session, by TLS where that is offered; as ``client`` by XCLIENT (XCLIENT_README)."""
    with _faults_refused(at), connect(at) as smtp:
        smtp.ehlo()
        if smtp.has_extn("starttls"):
            # Names and trust are the certificate's own checks; here it is that key and chain work.
            smtp.starttls(context=any_certificate())
            smtp.ehlo()
        if client:
            code, text = smtp.docmd("XCLIENT", f"ADDR={client} NAME=[UNAVAILABLE]")
            if code != 220:
                raise RefusedError(f"{at}: XCLIENT: {code} {text.decode(errors='replace')}")
            smtp.ehlo()
        yield smtp


@contextmanager
def clear_session(at: Listener) -> Iterator[smtplib.SMTP]:
    """An SMTP session without TLS, whatever is offered."""
    with _faults_refused(at), smtplib.SMTP(at.address, at.port, HELO, timeout=WAIT_SECONDS) as smtp:
        smtp.ehlo()
        yield smtp


def log_in(smtp: smtplib.SMTP, login: str, password: str) -> Answer:
    """AUTH PLAIN, and the reply to it."""
    secret = base64.b64encode(f"\0{login}\0{password}".encode()).decode()
    return _answer("AUTH", *smtp.docmd("AUTH", f"PLAIN {secret}"))


@contextmanager
def logged_in(at: Listener, login: str, password: str) -> Iterator[smtplib.SMTP]:
    """A session of one login."""
    with session(at) as smtp:
        said = log_in(smtp, login, password)
        if said.code != 235:
            raise RefusedError(f"{at}: login {login}: {said}")
        yield smtp


def submit(smtp: smtplib.SMTP, sender: str, recipient: str, message: bytes) -> Answer:
    """Offer one message and return the refusal, or the acceptance of its text."""
    code, text = smtp.mail(sender)
    if code != 250:
        return _answer("MAIL", code, text)
    code, text = smtp.rcpt(recipient)
    if code != 250:
        return _answer("RCPT", code, text)
    try:
        code, text = smtp.data(message)
    except smtplib.SMTPDataError as refusal:
        code, text = refusal.smtp_code, refusal.smtp_error  # type: ignore[assignment]
    return _answer("DATA", code, text)
