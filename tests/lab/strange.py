"""Generated mail at a real door, and three judges of the queue files of what was taken."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import dkim

from lab.hosts.guest import Guest
from lab.life.session import Lab
from lab.mail import letters, readers, shop, verify
from lab.mail.readers import Seen
from lab.world.client import Answer
from tests.lab import host
from tests.lab.mail import DOORS
from tests.strange import messages
from tests.strange.fields import DOMAIN
from tests.strange.readers import disagreement

STREAM = "transactional"
CONFIG = f"/etc/postfix-{STREAM}"
# Seconds that an answer may take.
PATIENCE = 1.0
# Dovecot's reader of addresses, which lab/onhost/readers.pl asks.
PERL = "Email::Address::XS"


@contextmanager
def kept(guest: Guest) -> Iterator[None]:
    """What the stream takes stays in its queue; afterwards it is thrown away."""
    reload = f"systemctl reload postroad-postfix@{STREAM}"
    host.empty(guest, STREAM)
    guest.run(f"cp -p {CONFIG}/main.cf /run/main.cf.strange")
    guest.run(f"postconf -c {CONFIG} defer_transports=smtp && {reload}")
    try:
        yield
    finally:
        host.empty(guest, STREAM)
        guest.run(f"mv /run/main.cf.strange {CONFIG}/main.cf && {reload}")


def hand_in(lab: Lab, name: str, written: Sequence[bytes]) -> list[Answer]:
    """The answers of a host's door to messages of the shop's login."""
    server, port = DOORS[name, STREAM]
    user = shop.USERS[STREAM]
    return lab.app.many(
        server,
        port,
        user=user,
        password=shop.password(user),
        mail_from=letters.ENVELOPE[STREAM],
        recipient=messages.TO,
        messages=written,
    )


def queue_files(guest: Guest, ids: Sequence[str]) -> list[bytes]:
    """The messages as postcat(1) shows their queue files, lines ended as on the wire."""
    script = f'while read id; do postcat -c {CONFIG} -hbq "$id" | base64 -w0; echo; done'
    said = guest.run(script, input="".join(f"{one}\n" for one in ids), timeout=300).stdout
    raw = [base64.b64decode(line) for line in said.splitlines()]
    assert len(raw) == len(ids)
    return [one.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for one in raw]


def faults(lab: Lab, taken: Sequence[bytes]) -> Iterator[str]:
    """What is wrong with messages that a stream has taken: unsigned, borrowed, shown too much."""
    key = cache(verify.key_reader(lab))

    def record(name: bytes, timeout: int = 5) -> bytes:
        return bytes(key(name))

    for raw, seen in zip(taken, readers.read(lab.hosts["app"], taken), strict=True):
        fields = f"{seen.fields!r}"
        try:
            if not dkim.verify(raw, dnsfunc=record):
                yield f"{fields}: the signature does not verify"
        except dkim.DKIMException as fault:
            yield f"{fields}: {fault}"
        if (seen.signatures, seen.results) != (1, 0):
            yield f"{fields}: {seen.signatures} signatures, {seen.results} results of others"
        yield from misread(seen)


def misread(seen: Seen) -> Iterator[str]:
    """What the readers do not agree on."""
    if len(seen.fields) != 1 or len(seen.nodemailer[0]) != 1:
        yield f"{seen.fields!r}: Nodemailer sees {seen.nodemailer}"
        return
    (field,), (address,) = seen.fields, seen.nodemailer[0]
    if not address.lower().endswith(f"@{DOMAIN}"):
        yield f"{field!r}: an address at another domain"
    if said := disagreement(PERL, seen.addresses, field.encode("latin-1"), address):
        yield said


def late(lab: Lab, name: str, written: Sequence[bytes], answers: Sequence[Answer]) -> list[str]:
    """Messages that were answered late, and late again when they were tried once more."""
    slow = [m for m, answer in zip(written, answers, strict=True) if answer.seconds > PATIENCE]
    again = hand_in(lab, name, slow) if slow else []
    return [f"{m[:200]!r}: {a}" for m, a in zip(slow, again, strict=True) if a.seconds > PATIENCE]


def trial(lab: Lab, name: str, number: int, seed: int) -> tuple[list[str], dict[str, int]]:
    """So many honest and so many hostile messages at one host: what is wrong, and what was seen."""
    guest = lab.targets[name]
    honest = messages.some(messages.honest(seed), number)
    hostile = messages.some(messages.hostile(seed), number)
    with kept(guest):
        welcome, others = hand_in(lab, name, honest), hand_in(lab, name, hostile)
        answers = [*welcome, *others]
        ids = [answer.queue_id for answer in answers if answer.queue_id]
        wrong = [
            f"refused: {message[:200]!r}: {answer}"
            for message, answer in zip(honest, welcome, strict=True)
            if not answer.queue_id
        ]
        wrong += faults(lab, queue_files(guest, ids))
        wrong += late(lab, name, [*honest, *hostile], answers)
    counts = {"honest": number, "hostile": number, "taken": len(ids)}
    return wrong, {**counts, "hostile taken": len(ids) - sum(bool(a.queue_id) for a in welcome)}
