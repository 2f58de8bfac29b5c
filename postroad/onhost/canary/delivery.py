"""Good mail goes in and comes out."""

from __future__ import annotations

import re
import secrets
import smtplib

from postroad.onhost.canary.commands import content, wait_for
from postroad.onhost.canary.dialogue import Answer, submit
from postroad.onhost.canary.journal import is_broken, logged
from postroad.onhost.canary.keys import Key
from postroad.onhost.canary.mail import Mail, letter
from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.refusal import RefusedError
from postroad.onhost.canary.signature import check_signature


def carry(canary: Canary, smtp: smtplib.SMTP, mail: Mail, key: Key) -> None:
    """One good message goes in, comes out, and verifies."""
    token = secrets.token_hex(8)
    try:
        answer = submit(smtp, mail.sender, mail.recipient, letter(mail.from_address, token))
        check_signature(delivered(canary, answer, token), key)
    except RefusedError as fault:
        raise RefusedError(f"a good message From: {mail.from_address}: {fault}") from None


def delivered(canary: Canary, answer: Answer, token: str) -> bytes:
    """The accepted message as the sink received it."""
    queue_id = answer.queue_id
    if not queue_id:
        raise RefusedError(f"refused: {answer}")
    wait_for(lambda: sent(canary, queue_id), f"{queue_id}: accepted, and not sent")

    def received() -> bytes | None:
        messages = (content(place) for place in canary.sink.iterdir())
        return next((raw for raw in messages if token.encode() in raw), None)

    return wait_for(received, f"{queue_id}: sent, and not at the sink")


def sent(canary: Canary, queue_id: str) -> bool | None:
    """Whether the message (a pattern) has left; None on its way; RefusedError when it cannot."""
    log = logged(canary)
    if re.search(rf": {queue_id}: .*status=sent", log):
        return True
    stuck = re.search(rf": {queue_id}: (.*status=(?:deferred|bounced|expired) .*)", log)
    if stuck:
        raise RefusedError(f"a message was accepted and does not leave: {stuck.group(1)}")
    if is_broken(canary):
        raise RefusedError("a message was accepted and does not leave")
    return None
