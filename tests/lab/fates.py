"""What two hosts of one estate make of the same messages, logins and commands."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.hosts.errors import LabError
from lab.hosts.guest import wait_until
from lab.life.session import Lab
from lab.mail import letters, shop
from tests.lab.mail import DOORS

HOSTS = ("mail1", "mail2")
STREAM = "transactional"
# A name of the message's own, in a field that is the first one of what was written.
_NAME = re.compile(rb"^X-Fate: (\S+)\n", re.MULTILINE)
# What differs from message to message and from host to host, and must.
_OWN = (
    (re.compile(r"(?m)^X-Fate: .*"), "X-Fate: …"),
    (re.compile(r"queued as \w+"), "queued as ID"),
    # A newer Postfix says which; no setting reaches these words.
    (re.compile(r"(Invalid authentication mechanism): '[^']*'"), r"\1"),
    (re.compile(r"(?:out1|mail[12])\.shop\.example"), "HOST"),
    (re.compile(r"\(Postfix\) id \w+"), "(Postfix) id ID"),
    (re.compile(r"<\w+@transactional\.HOST>"), "<ID@transactional.HOST>"),
    (re.compile(r"[A-Z][a-z]{2}, +\d+ [A-Z][a-z]{2} \d{4} [\d:]{8} [+-]\d{4} \(\w+\)"), "DATE"),
    (re.compile(r"(?m)^DKIM-Signature: .*\n(?:[ \t].*\n)*"), "DKIM-Signature: …\n"),
)


@dataclass(frozen=True)
class Fate:
    """What became of a message: the answer, and what arrived, as far as it is not a host's own."""

    reply: str
    arrived: str


def masked(text: str) -> str:
    """``text`` without what is a host's or a message's own."""
    for pattern, name in _OWN:
        text = pattern.sub(name, text)
    return text


def of_messages(lab: Lab, host: str, messages: Mapping[str, bytes]) -> dict[str, Fate]:
    """What becomes of ``messages`` at a host, handed in word for word."""
    bigmail = lab.providers["bigmail"]
    known = {message.path for message in bigmail.messages()}
    server, port = DOORS[host, STREAM]
    user = shop.USERS[STREAM]
    answers = lab.app.many(
        server,
        port,
        user=user,
        password=shop.password(user),
        mail_from=letters.ENVELOPE[STREAM],
        recipient=bigmail.address("alice"),
        messages=[
            b"X-Fate: %d-%s\r\n%s" % (n, host.encode(), message)
            for n, message in enumerate(messages.values())
        ],
    )
    wanted = {f"{n}-{host}" for n, answer in enumerate(answers) if answer.queue_id}
    arrived: dict[str, bytes] = {}

    def are_here() -> bool:
        for message in bigmail.messages(known=known):
            known.add(message.path)
            if found := _NAME.search(message.raw):
                arrived[found[1].decode()] = message.raw
        return wanted <= arrived.keys()

    try:
        wait_until(are_here, 30, "all messages at bigmail")
    except LabError:
        # What is missing has another fate than what is there.
        are_here()
    return {
        name: Fate(
            masked(f"{answer.code} {answer.text}"),
            masked(_as_sent(arrived.get(f"{n}-{host}", b"").decode("latin-1"))),
        )
        for n, (name, answer) in enumerate(zip(messages, answers, strict=True))
    }


def _as_sent(raw: str) -> str:
    """What arrived, from the signature on: what is above, the receiver has written."""
    return re.sub(r"(?s)\A.*?^(?=DKIM-Signature:)", "", raw, flags=re.MULTILINE)


def of_logins(lab: Lab, host: str, steps: Sequence[bytes]) -> list[str]:
    """The answers of a host to ``steps`` of a client that has said STARTTLS, and no login."""
    server, port = DOORS[host, STREAM]
    replies = lab.app.converse(server, port, [b"EHLO app.lab.example\r\n", *steps])
    return [masked(reply) for reply in replies[1:]]


def of_commands(lab: Lab, host: str, steps: Sequence[bytes]) -> list[str]:
    """The answers of a host to ``steps`` of the shop's application, logged in."""
    server, port = DOORS[host, STREAM]
    user = shop.USERS[STREAM]
    replies = lab.app.converse(server, port, steps, user=user, password=shop.password(user))
    return [masked(reply) for reply in replies]


def of_strangers(lab: Lab, host: str, steps: Sequence[bytes]) -> list[str]:
    """The answers of a host's port 25 to ``steps`` of a stranger."""
    greeted = [b"EHLO x.example\r\n", *steps]
    replies = lab.outsider.converse(f"{host}.shop.example", 25, greeted, helo="x.example")
    return [masked(reply) for reply in replies[1:]]


def of_handshakes(lab: Lab, host: str, options: Sequence[str]) -> str:
    """What a host agrees to with a client of openssl-s_client(1); empty where there is nothing."""
    server, port = DOORS[host, STREAM]
    client = ["openssl", "s_client", "-brief", "-starttls", "smtp", "-connect", f"{server}:{port}"]
    done = lab.app.guest.run([*client, *options], input="QUIT\n", check=False)
    agreed = ("Protocol version", "Ciphersuite", "Server Temp Key")
    return "\n".join(line for line in done.stderr.splitlines() if line.startswith(agreed))


def plain(user: str, password: str, of: str = "") -> bytes:
    """SASL PLAIN's one answer (RFC 4616): on behalf of whom, who, and the password."""
    return base64.b64encode(f"{of}\0{user}\0{password}".encode())


def said(text: str) -> bytes:
    """One answer of SASL LOGIN, which has no RFC."""
    return base64.b64encode(text.encode())
