"""The lab's mailbox providers: what they are, and the mail that they have."""

import email
import email.policy
import json
import os
import re
import time
from collections.abc import Callable, Collection, Container
from dataclasses import dataclass
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path

from lab import onhost
from lab.hosts.errors import LabError
from lab.hosts.guest import Guest
from lab.hosts.network import RESOLVER, Network
from lab.hosts.seed import Seed
from lab.world.fill import fill
from lab.world.replies import LIKE_GMAIL, LIKE_OUTLOOK, Replies

_MAIL_USER = 8
_POLL = 0.05


@dataclass(frozen=True)
class Kind:
    """A provider as it presents itself to the world."""

    name: str
    replies: Replies
    unknown: str
    full: str

    @property
    def domain(self) -> str:
        """The domain of its mailboxes."""
        return f"{self.name}.example"

    @property
    def mx(self) -> str:
        """The name of its MX host."""
        return f"mx.{self.domain}"


BIGMAIL = Kind(
    "bigmail",
    LIKE_GMAIL,
    "550 5.1.1 The email account that you tried to reach does not exist. Please double-check the"
    " recipient's email address for typos or unnecessary spaces.",
    "452 4.2.2 The recipient's inbox is out of storage space.",
)
STRICTMAIL = Kind(
    "strictmail",
    LIKE_OUTLOOK,
    "550 5.1.1 Requested action not taken: mailbox unavailable",
    "452 4.2.2 Mailbox full",
)
KINDS = (BIGMAIL, STRICTMAIL)


def plant(seed: Seed, kind: Kind, network: Network, tls: str, data: Path) -> None:
    """Write the files of a provider's host; *tls* is its MX's key and certificate.

    *data* has the directories for mail and log that the guest shares with this machine.
    """
    values = {"mx": kind.mx, "domain": kind.domain, "resolver": network.ipv4(RESOLVER)}
    seed.file("/etc/postfix/main.cf", fill("provider/main.cf", **values))
    seed.file("/etc/postfix/master.cf", fill("provider/master.cf"))
    seed.file("/usr/local/lib/closed-mailbox", onhost.program("provider/closed-mailbox"), 0o755)
    seed.file("/etc/postfix/mx.pem", tls, 0o600)
    seed.file("/etc/postfix/transport", fill("provider/transport", **values))
    access = f"/^(unknown|reject)@/ {kind.unknown}\n/^defer@/ {kind.full}\n"
    seed.file("/etc/postfix/recipients", access)
    seed.file("/etc/mailname", kind.mx + "\n")
    policy = fill("provider/policyd-spf.conf", **values)
    seed.file("/etc/postfix-policyd-spf-python/policyd-spf.conf", policy)
    seed.file("/etc/opendkim.conf", fill("provider/opendkim.conf", **values))
    seed.file("/etc/unbound/unbound.conf", fill("provider/unbound.conf", **values))
    seed.file("/etc/opendmarc.conf", fill("provider/opendmarc.conf", **values))
    for milter in ("opendkim", "opendmarc"):
        # Debian's own keeps Postfix out of the directory (tmpfiles.d(5): same name wins).
        row = f"d /run/{milter} 0755 {milter} {milter} -\n"
        seed.file(f"/etc/tmpfiles.d/{milter}.conf", row)
    seed.file("/etc/refusals.json", json.dumps(kind.replies, indent=2) + "\n")
    seed.file("/usr/local/lib/refusals.py", onhost.program("provider/refusals.py"))
    seed.service("refusals.service", fill("provider/refusals.service", **values))
    for unit in ("unbound.service", "opendkim.service", "opendmarc.service", "postfix.service"):
        seed.enable(unit)
    mail = data / "mail" / kind.name
    mail.mkdir(parents=True, exist_ok=True)
    os.chown(mail, _MAIL_USER, _MAIL_USER)


@dataclass(frozen=True)
class Received:
    """A message as a provider keeps it, one for each recipient."""

    path: Path
    raw: bytes

    @cached_property
    def message(self) -> EmailMessage:
        """The message, parsed."""
        return email.message_from_bytes(self.raw, policy=email.policy.default)

    @property
    def envelope_from(self) -> str:
        """The address of MAIL FROM; empty for a bounce."""
        return str(self.message["Return-Path"]).strip("<>")

    @property
    def recipient(self) -> str:
        """The address of RCPT TO."""
        return str(self.message["X-Original-To"])

    @property
    def subject(self) -> str:
        """The Subject field, decoded."""
        return str(self.message["Subject"] or "")

    @property
    def authentication_results(self) -> list[str]:
        """The fields that say what the provider verified, the topmost first (RFC 8601)."""
        return [str(value) for value in self.message.get_all("Authentication-Results", [])]

    @property
    def time(self) -> float:
        """When it was delivered, in seconds since the epoch."""
        return self.path.stat().st_mtime


@dataclass(frozen=True)
class Provider:
    """A provider of the running lab."""

    kind: Kind
    guest: Guest
    data: Path

    @property
    def domain(self) -> str:
        """The domain of its mailboxes."""
        return self.kind.domain

    @property
    def mailbox(self) -> Path:
        """The Maildir directory of what it accepted."""
        return self.data / "mail" / self.kind.name / "received" / "new"

    @property
    def log_file(self) -> Path:
        """Its Postfix log."""
        return self.data / "log" / self.kind.name / "mail.log"

    def address(self, local: str) -> str:
        """A mailbox here. `unknown` and `reject` are refused, `defer` is full for ever,
        `bounce` is accepted and then reported as failed; every other local part exists."""
        return f"{local}@{self.domain}"

    def messages(self, since: float = 0, known: Container[Path] = ()) -> list[Received]:
        """What was delivered after *since* (seconds since the epoch), the oldest first.

        Leaves out what is *known* already: a mailbox of hundreds takes time to read.
        """
        if not self.mailbox.is_dir():
            return []
        found = [(entry.stat().st_mtime, Path(entry)) for entry in os.scandir(self.mailbox)]
        return [
            Received(path, path.read_bytes())
            for at, path in sorted(found)
            if at >= since and path not in known
        ]

    def wait_for(
        self, wanted: str | Callable[[Received], bool], timeout: float = 30, since: float = 0
    ) -> Received:
        """The first message whose subject is *wanted*, or for which *wanted* holds.

        Raises LabError with the end of the provider's log when none comes for *timeout* seconds.
        """

        def fits(message: Received) -> bool:
            return message.subject == wanted if isinstance(wanted, str) else wanted(message)

        deadline = time.monotonic() + timeout
        known: set[Path] = set()
        while True:
            fresh = self.messages(since, known)
            known.update(message.path for message in fresh)
            found = next((message for message in fresh if fits(message)), None)
            if found:
                return found
            if time.monotonic() > deadline:
                end = "\n".join(self.log()[-15:])
                raise LabError(f"{self.kind.name}: no such message within {timeout:g} s\n{end}")
            time.sleep(_POLL)

    def wait_for_all(self, subjects: Collection[str], timeout: float = 30) -> None:
        """Return when a message with each of *subjects* is here; LabError names the rest."""
        deadline = time.monotonic() + timeout
        known: set[Path] = set()
        missing = set(subjects)
        while True:
            fresh = self.messages(known=known)
            known.update(message.path for message in fresh)
            missing -= {message.subject for message in fresh}
            if not missing:
                return
            if time.monotonic() > deadline:
                end = "\n".join(self.log()[-15:])
                words = ", ".join(sorted(missing))
                raise LabError(f"{self.kind.name}: not here within {timeout:g} s: {words}\n{end}")
            time.sleep(_POLL)

    def log(self) -> list[str]:
        """The lines of its Postfix log."""
        return self.log_file.read_text().splitlines() if self.log_file.exists() else []

    def wait_for_log(self, pattern: str, timeout: float = 30, skip: int = 0) -> re.Match[str]:
        """The first match of *pattern* in the log after its first *skip* lines."""
        deadline = time.monotonic() + timeout
        while True:
            lines = self.log()[skip:]
            found = next(filter(None, (re.search(pattern, line) for line in lines)), None)
            if found:
                return found
            if time.monotonic() > deadline:
                end = "\n".join(lines[-15:])
                raise LabError(f"{self.kind.name}: {pattern!r} not in the log\n{end}")
            time.sleep(_POLL)

    def clear(self) -> None:
        """Throw away all messages. The log stays: it is evidence."""
        for message in self.messages():
            message.path.unlink()
