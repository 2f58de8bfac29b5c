"""One SMTP session word for word: the order comes as JSON on standard input, replies leave as JSON.

Every step is sent as it is and one reply is read for it; after the last one, all replies that are
still to come. A server that took one step for two commands gives one reply more than it was asked
for.
"""

import base64
import json
import smtplib
import ssl
import sys
from typing import Any


def main(order: dict[str, Any]) -> list[str]:
    """Every reply of the dialogue in turn, after STARTTLS and login."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    place = (order["host"], order["port"])
    options = {"timeout": order["timeout"], "local_hostname": order["helo"]}
    session: smtplib.SMTP
    if order["tls"] == "implicit":
        session = smtplib.SMTP_SSL(*place, context=context, **options)
    else:
        session = smtplib.SMTP(*place, **options)
    if order["tls"] == "starttls":
        session.starttls(context=context)
    if order["user"] is not None:
        session.login(order["user"], order["password"])
    replies = []
    try:
        for step in order["steps"]:
            session.send(base64.b64decode(step))
            replies.append(line(*session.getreply()))
        session.send(b"QUIT\r\n")
        while True:
            replies.append(line(*session.getreply()))
    except (smtplib.SMTPException, OSError):
        # The server has hung up: there is no further reply.
        session.close()
    return replies


def line(code: int, text: bytes) -> str:
    """A reply as one line."""
    return f"{code} {text.decode(errors='replace')}"


if __name__ == "__main__":
    json.dump(main(json.load(sys.stdin)), sys.stdout)
