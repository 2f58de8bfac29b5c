"""A host of the lab as an SMTP client: a shop's application, or a stranger."""

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lab import onhost
from lab.hosts.guest import Guest

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
class Burst:
    """How many messages of a burst were accepted, and the first refusals."""

    accepted: int
    refusals: list[str]


@dataclass(frozen=True)
class Answer:
    """What became of one of many messages: the first refusal or the reply to its end, and when."""

    code: int
    text: str
    seconds: float

    @property
    def queue_id(self) -> str:
        """Postfix's name for the message; empty where it was refused."""
        found = re.search(r"queued as (\w+)", self.text)
        return found[1] if found and self.code == 250 else ""


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
        return SmtpReply(**self._ask("session.py", order, timeout + 10))

    def converse(
        self,
        host: str,
        port: int,
        steps: Sequence[bytes],
        *,
        user: str | None = None,
        password: str | None = None,
        tls: Tls = "starttls",
        helo: str = "app.lab.example",
        timeout: float = 20,
    ) -> list[str]:
        """A session word for word: each of *steps* is sent as it is, after TLS and login.

        Returns every reply, each as one line, those that nobody asked for included; the last is
        that to QUIT. Raises LabError where TLS or login fails.
        """
        order = {
            "host": host,
            "port": port,
            "user": user,
            "password": password,
            "steps": [base64.b64encode(step).decode() for step in steps],
            "tls": tls,
            "helo": helo,
            "timeout": timeout,
        }
        replies: list[str] = self._ask("dialogue.py", order, timeout + 10)
        return replies

    def burst(
        self,
        host: str,
        port: int,
        *,
        user: str,
        password: str,
        mail_from: str,
        recipient: str,
        message: str,
        count: int,
        connections: int = 8,
    ) -> Burst:
        """*count* messages by implicit TLS, as fast as the server takes them.

        NUMBER in *message* becomes the message's number.
        """
        order = {
            "host": host,
            "port": port,
            "user": user,
            "password": password,
            "mail_from": mail_from,
            "recipient": recipient,
            "message": message,
            "count": count,
            "connections": connections,
        }
        return Burst(**self._ask("burst.py", order, 120))

    def many(
        self,
        host: str,
        port: int,
        *,
        user: str,
        password: str,
        mail_from: str,
        recipient: str,
        messages: Sequence[bytes],
    ) -> list[Answer]:
        """The *messages* in turn, word for word, whatever becomes of the one before."""
        order = {
            "host": host,
            "port": port,
            "user": user,
            "password": password,
            "mail_from": mail_from,
            "rcpt": recipient,
            "timeout": 30,
            "messages": [base64.b64encode(message).decode() for message in messages],
        }
        return [Answer(*said) for said in self._ask("many.py", order, 60 + len(messages))]

    def scan(self, targets: Sequence[str], ports: Iterable[int]) -> dict[str, frozenset[int]]:
        """Which TCP ports of each address (of one family) answer this host at all (nmap(1)).

        A port that says that nobody listens there answers too; one that a firewall closes does not.
        All 65535 are asked in a hurry, in which an answer may be lost; *ports* are asked with care.
        """
        hurry = self._nmap(targets, "-p-", "-T5", "--max-retries", "1", "--min-rate", "30000")
        care = self._nmap(targets, "-p", ",".join(str(port) for port in sorted(ports)))
        return {target: hurry[target] | care[target] for target in targets}

    def _nmap(self, targets: Sequence[str], *options: str) -> dict[str, frozenset[int]]:
        family = ["-6"] if ":" in targets[0] else []
        argv = ["nmap", *family, "-n", "-Pn", "-sS", *options, "-oG", "-", *targets]
        said = self.guest.run(argv, timeout=600).stdout
        rows = re.findall(r"^Host: (\S+) .*\tPorts: (.*)", said, re.MULTILINE)
        # Addresses none of whose ports answer have no line of ports.
        return dict.fromkeys(targets, frozenset()) | {
            address: _answering(listed) for address, listed in rows
        }

    def _ask(self, script: str, order: Mapping[str, object], timeout: float) -> Any:
        done = self.guest.run(
            ["python3", "-c", onhost.program(script)], input=json.dumps(order), timeout=timeout
        )
        return json.loads(done.stdout)


def _answering(ports: str) -> frozenset[int]:
    """The ports that answer, from nmap's line: it leaves out those in the commonest state."""
    listed = {int(port): state for port, state in re.findall(r"(\d+)/(\w+)/tcp", ports)}
    if "Ignored State: closed" in ports:
        listed = dict.fromkeys(range(1, 65536), "closed") | listed
    return frozenset(port for port, state in listed.items() if state in ("open", "closed"))
