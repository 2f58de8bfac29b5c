"""Many messages in one SMTP session: the order comes as JSON on standard input, replies go out.

Each message has a whole transaction of its own; its reply is the first refusal, or that of DATA.
"""

import base64
import json
import re
import smtplib
import ssl
import sys
import time
from typing import Any

# Refusals in one session: Postfix slows down who errs again and again, and who logs in too often.
FEW = 5


def main(order: dict[str, Any]) -> list[tuple[int, str, float]]:
    """Code, text and seconds of each message's answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    replies: list[tuple[int, str, float]] = []
    session = connected(order, context)
    refused = 0
    for text in order["messages"]:
        started = time.monotonic()
        try:
            code, said = transaction(session, order, base64.b64decode(text))
        except (smtplib.SMTPException, OSError) as error:
            code, said = 0, str(error).encode()
        replies.append((code, said.decode(errors="replace"), time.monotonic() - started))
        refused += code != 250
        if code in (0, 421) or refused == FEW:
            session.close()
            session = connected(order, context)
            refused = 0
        else:
            session.rset()
    session.close()
    return replies


def connected(order: dict[str, Any], context: ssl.SSLContext) -> smtplib.SMTP:
    """A session after STARTTLS and login."""
    session = smtplib.SMTP(order["host"], order["port"], timeout=order["timeout"])
    session.starttls(context=context)
    session.login(order["user"], order["password"])
    return session


def transaction(session: smtplib.SMTP, order: dict[str, Any], message: bytes) -> tuple[int, bytes]:
    """MAIL, RCPT, DATA and the message, word for word: its lines may end in whatever they like.

    A full stop that begins a line is doubled (RFC 5321 §4.5.2), and nothing else is done to it.
    """
    for command in (
        f"MAIL FROM:<{order['mail_from']}> BODY=8BITMIME",
        f"RCPT TO:<{order['rcpt']}>",
    ):
        code, said = session.docmd(command)
        if code // 100 != 2:
            return code, said
    code, said = session.docmd("DATA")
    if code != 354:
        return code, said
    session.send(re.sub(rb"(?m)^\.", b"..", message) + b"\r\n.\r\n")
    return session.getreply()


if __name__ == "__main__":
    json.dump(main(json.load(sys.stdin)), sys.stdout)
