"""A host of the lab as an SMTP client: a shop's application, or a stranger."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lab.fill import fill
from lab.guest import Guest

Tls = Literal["none", "starttls", "implicit"]


@dataclass(frozen=True)
class SmtpReply:
    """The last reply of an SMTP session: the refusal, or the acceptance of the message."""

    code: int
    text: str
    stage: str
    """The command that it answers: connect, ehlo, starttls, auth, mail, rcpt or data."""

    @property
    def is_accepted(self) -> bool:
        """Whether the server took the message over."""
        return self.stage == "data" and self.code == 250


@dataclass(frozen=True)
class Client:
    """Runs SMTP sessions on one guest."""

    guest: Guest

    def submit(
        self,
        host: str,
        port: int,
        *,
        mail_from: str,
        rcpts: Sequence[str],
        message: bytes,
        user: str | None = None,
        password: str | None = None,
        tls: Tls = "starttls",
        helo: str = "app.lab.example",
        ca_pem: str | None = None,
        timeout: float = 30,
    ) -> SmtpReply:
        """One session with *host* (name or address) that ends at the first refusal.

        With *ca_pem* the server's certificate must be valid for *host*; without, any will do.
        """
        order = {
            "host": host,
            "port": port,
            "user": user,
            "password": password,
            "mail_from": mail_from,
            "rcpts": list(rcpts),
            "message": base64.b64encode(message).decode(),
            "tls": tls,
            "helo": helo,
            "ca_pem": ca_pem,
            "timeout": timeout,
        }
        done = self.guest.run(
            ["python3", "-c", fill("session.py")], input=json.dumps(order), timeout=timeout + 10
        )
        return SmtpReply(**json.loads(done.stdout))
