"""The messages that are tried."""

from __future__ import annotations

from dataclasses import dataclass

STRANGER = "198.51.100.7"  # RFC 5737: an address of nobody's.
ELSEWHERE = "someone@elsewhere.invalid"
# Addresses for domains; smtp(8) takes the second for one as well (inet_aton(3)).
NO_RECIPIENTS = ("someone@[127.0.0.1]", "someone@0x7f.1")
# Answers of the DNS that name no mail host.
NO_MAIL_HOSTS = (
    "elsewhere.invalid. 60 IN A 127.0.0.1",
    "elsewhere.invalid. 60 IN AAAA ::1",
    "elsewhere.invalid. 60 IN MX 10 127.0.0.1.",
)
BODY = "The canary sings."


@dataclass(frozen=True)
class Mail:
    """The envelope of a message, and its From: header."""

    sender: str
    recipient: str
    from_address: str


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()


def unreadable(address: str) -> str:
    """A From: that OpenDKIM cannot read, and so passes on unsigned."""
    return f'Canary"s shop <{address}>'


def percent_hack(domain: str) -> str:
    """An address at ``domain`` that asks it to relay to elsewhere."""
    return f"{ELSEWHERE.replace('@', '%')}@{domain}"


def letter(from_address: str, token: str) -> bytes:
    """A message as a shop's application writes it."""
    domain = domain_of(from_address).rstrip(">")
    return (
        f"From: {from_address}\r\nTo: <{ELSEWHERE}>\r\nSubject: canary {token}\r\n"
        f"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <{token}@{domain}>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
        f"List-Unsubscribe: <https://{domain}/u/{token}>\r\n"
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n"
        f"{BODY}\r\n"
    ).encode()
