"""What is tried of the default instance, which takes root's and cron's mail."""

from __future__ import annotations

import re
import secrets

from postroad.onhost.canary.commands import content, run, wait_for
from postroad.onhost.canary.daemons import start
from postroad.onhost.canary.delivery import sent
from postroad.onhost.canary.journal import Journal
from postroad.onhost.canary.mail import BODY, ELSEWHERE
from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.refusal import RefusedError
from postroad.onhost.canary.sink import sink
from postroad.onhost.canary.tables import parameter, postmap


def check_default(canary: Canary, journal: Journal) -> None:
    """What sendmail(1) takes leaves to the relay host, from the one sender to the one reader."""
    relay = re.fullmatch(r"\[([\d.]+)\]:(\d+)", parameter(canary, "relayhost"))
    if relay is None:
        raise RefusedError("relayhost is not [IPV4 ADDRESS]:PORT: root's mail would go anywhere")
    start(canary, journal)
    with sink(canary, relay.group(1), int(relay.group(2))):
        hand_to_sendmail(canary)
        wait_for(lambda: sent(canary, r"\w+"), "a message from sendmail: taken, and not sent")
        (place, *_) = canary.sink.iterdir()
        check_rewritten(canary, content(place).decode(errors="replace"))


def hand_to_sendmail(canary: Canary) -> None:
    """A message as cron writes it."""
    subject = f"canary {secrets.token_hex(8)}"
    message = f"From: root (Cron Daemon)\nTo: root\nSubject: {subject}\n\n{BODY}\n"
    handed = run("sendmail", "-C", str(canary.config), "-f", "root", ELSEWHERE, text=message)
    if handed.returncode or handed.stderr:
        raise RefusedError(f"sendmail: {handed.stderr.strip()}")


def canonical(canary: Canary, whose: str) -> str:
    """The one address that a map of canonical addresses answers with."""
    answer = postmap(canary, "root", parameter(canary, f"{whose}_canonical_maps"))
    # A local part may be quoted, which changes nothing (RFC 5321 4.1.2).
    return re.sub(r'^"(.*)"@', r"\1@", answer)


def check_rewritten(canary: Canary, received: str) -> None:
    """The sender and the recipient are the declared ones, whatever cron wrote."""
    sender, recipient = canonical(canary, "sender"), canonical(canary, "recipient")
    for header, address in (
        ("X-Mail-Args", f"<{sender}>"),
        ("X-Rcpt-Args", f"<{recipient}>"),
        ("From", sender),
    ):
        line = re.search(rf"^{header}: (.*)$", received, re.MULTILINE)
        if line is None or address not in line.group(1):
            said = line.group(1) if line else "nothing"
            raise RefusedError(f"root's mail leaves with {header}: {said}, not {address}")
