"""Submits one message over a connection that is there already, as an application does (RFC 6409).

STARTTLS with a certificate that is verified for the name, a login, the message. What the server
says is told apart by the step that it answers; nothing is tried a second time.
"""

from __future__ import annotations

import base64
import re
import smtplib
import socket
import ssl
from dataclasses import dataclass
from typing import Literal

from postroad.settings.terminal import line
from postroad.watch.send_test.letter import Letter

Step = Literal[
    "connection", "STARTTLS", "certificate", "login", "MAIL FROM", "recipient", "message"
]

#: For each reply, in seconds. Postfix and its milters have theirs, which are shorter in sum.
REPLY = 90
# Nobody's name (RFC 6761 6.4): the server asks for one and thinks nothing of it.
_EHLO = "send-test.invalid"
_QUEUED = re.compile(r"queued as (\w+)")


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission: a queue id where it was taken, else the step and the words."""

    queue_id: str
    step: Step
    words: str


class _Over(smtplib.SMTP):
    """A client over a socket that somebody else has connected."""

    def __init__(self, connected: socket.socket, name: str) -> None:
        self._connected = connected
        super().__init__(name, 0, local_hostname=_EHLO, timeout=REPLY)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        self._connected.settimeout(timeout)
        return self._connected


class _RefusedError(Exception):
    def __init__(self, step: Step, words: str) -> None:
        self.step, self.words = step, words
        super().__init__(words)


def submit(
    connected: socket.socket,
    name: str,
    trusted: ssl.SSLContext,
    login: str,
    password: str,
    letter: Letter,
) -> Submitted:
    """Hand ``letter`` in over ``connected``, to the server whose certificate must have ``name``."""
    try:
        return _conversation(connected, name, trusted, login, password, letter)
    except _RefusedError as refused:
        return Submitted("", refused.step, refused.words)
    except (smtplib.SMTPException, OSError, EOFError) as error:
        return Submitted("", "connection", f"it broke: {line(_said(error))}")


def _conversation(
    connected: socket.socket,
    name: str,
    trusted: ssl.SSLContext,
    login: str,
    password: str,
    letter: Letter,
) -> Submitted:
    try:
        server = _Over(connected, name)
    except smtplib.SMTPConnectError as error:
        raise _RefusedError("connection", _words(error.smtp_code, error.smtp_error)) from None
    try:
        _expect("connection", server.ehlo())
        _start_tls(server, name, trusted)
        _expect("connection", server.ehlo())
        _log_in(server, login, password)
        _expect("MAIL FROM", server.mail(letter.mail_from))
        _expect("recipient", server.rcpt(letter.recipient))
        said = _sent(server, letter.octets)
        server.quit()
    finally:
        server.close()
    found = _QUEUED.search(said)
    return Submitted(found[1] if found else "", "message", said)


def _start_tls(server: smtplib.SMTP, name: str, trusted: ssl.SSLContext) -> None:
    if not server.has_extn("starttls"):
        raise _RefusedError("STARTTLS", "the server does not offer it")
    try:
        server.starttls(context=trusted)
    except smtplib.SMTPResponseException as error:
        raise _RefusedError("STARTTLS", _words(error.smtp_code, error.smtp_error)) from None
    except ssl.SSLCertVerificationError as error:
        why = line(error.verify_message or error.reason or "no reason is told")
        raise _RefusedError("certificate", f"it is not verified for {name}: {why}") from None
    except ssl.SSLError as error:
        why = line(error.reason or "no reason is told")
        raise _RefusedError("STARTTLS", f"no encrypted connection came about: {why}") from None


def _log_in(server: smtplib.SMTP, login: str, password: str) -> None:
    if "PLAIN" not in server.esmtp_features.get("auth", "").split():
        raise _RefusedError("login", "the server offers no AUTH PLAIN behind STARTTLS")
    # RFC 4616: UTF-8, where smtplib takes ASCII alone.
    plain = f"\0{login}\0{password}".encode("utf-8", "surrogateescape")
    _expect("login", server.docmd("AUTH", f"PLAIN {base64.b64encode(plain).decode('ascii')}"))


def _sent(server: smtplib.SMTP, octets: bytes) -> str:
    try:
        return _expect("message", server.data(octets))
    except smtplib.SMTPDataError as error:
        raise _RefusedError("message", _words(error.smtp_code, error.smtp_error)) from None


def _expect(step: Step, reply: tuple[int, bytes]) -> str:
    """The words of a reply that is no refusal."""
    code, text = reply
    words = _words(code, text)
    if not 200 <= code < 300:
        raise _RefusedError(step, words)
    return words


def _words(code: int, text: bytes | str) -> str:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return line(f"{code} {' '.join(said.split())}")


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
