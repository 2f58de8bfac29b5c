"""The message that is sent: whose it is, and what stands in it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from postroad.settings.model import Stream, User

#: The local part of From: where a login may use every address at a domain.
LOCAL_PART = "send-test"


class SenderError(ValueError):
    """The login may not send as that; the message says what it may."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message with its envelope; ``octets`` are as they go over the wire (RFC 5321 2.3.8)."""

    token: str
    mail_from: str
    sender: str
    recipient: str
    subject: str
    octets: bytes


def sender_of(user: User, wanted: str | None = None, waiting: Collection[str] = ()) -> str:
    """The address in From: that ``user`` tests with.

    ``wanted`` where it is given (an address, or ``@domain``), else the first that is its own, at a
    domain that is not ``waiting``. SenderError where there is none.
    """
    own = [a if not a.startswith("@") else f"{LOCAL_PART}{a}" for a in user.from_addresses]
    if wanted is None:
        able = [a for a in own if _domain(a) not in waiting]
        if not able:
            raise SenderError(f"every From: domain of the login {user.name} waits")
        return able[0]
    whole = f"{LOCAL_PART}{wanted}" if wanted.startswith("@") else wanted
    # In any case, as the signer's policy takes it.
    allowed = {address.lower() for address in user.from_addresses}
    if not {whole.lower(), f"@{_domain(whole)}".lower()} & allowed:
        known = ", ".join(user.from_addresses)
        raise SenderError(f"the login {user.name} may not send as {whole}; its From: is {known}")
    return whole


def letter(
    host: str, stream: Stream, user: User, sender: str, recipient: str, token: str, now: datetime
) -> Letter:
    """A short text that says what it is. ``token`` makes it another one than all others."""
    message = EmailMessage(policy=SMTP)
    subject = f"postroad test {token}: {stream.name} on {host}"
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{token}@{_domain(sender)}>"
    # RFC 3834 5: no reply is wanted of whoever answers by itself.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"A test of the {stream.name} stream on {host}, sent by `postroad send-test`.\n"
        "\n"
        "What its receiver thought of it stands in the header of this message, in the lines\n"
        "Authentication-Results and Received.\n"
    )
    return Letter(
        token, user.envelope_senders[0], sender, recipient, subject, message.as_bytes(policy=SMTP)
    )


def _domain(address: str) -> str:
    return address.rpartition("@")[2]
