"""One SMTP session: the order comes as JSON on standard input, the last reply leaves as JSON."""

import base64
import json
import smtplib
import ssl
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

Step = tuple[str, Callable[[], tuple[int, bytes | str]]]
Reply = tuple[str, int, bytes | str]


def main(order: dict[str, Any]) -> Reply:
    """The last reply, with the stage that it came at: the first refusal, or that of DATA."""
    context = ssl.create_default_context(cadata=order["ca_pem"])
    if order["ca_pem"] is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        session = connect(order, context)
    except smtplib.SMTPResponseException as refusal:
        return ("connect", refusal.smtp_code, refusal.smtp_error)
    except OSError as error:
        return ("connect", 0, str(error))
    with session:
        for stage, command in steps(session, order, context):
            try:
                code, text = command()
            except smtplib.SMTPResponseException as refusal:
                code, text = refusal.smtp_code, refusal.smtp_error
            except (smtplib.SMTPException, OSError) as error:
                code, text = 0, str(error)
            if code // 100 not in (2, 3) or stage == "data":
                return (stage, code, text)
    raise AssertionError("data is the last step")


def connect(order: dict[str, Any], context: ssl.SSLContext) -> smtplib.SMTP:
    """A connection whose greeting has been read."""
    host, port, helo, timeout = (order[key] for key in ("host", "port", "helo", "timeout"))
    if order["tls"] == "implicit":
        return smtplib.SMTP_SSL(host, port, helo, timeout=timeout, context=context)
    return smtplib.SMTP(host, port, helo, timeout=timeout)


def steps(session: smtplib.SMTP, order: dict[str, Any], context: ssl.SSLContext) -> Iterator[Step]:
    """The commands of the session in order, each with the name of its stage."""
    yield "ehlo", session.ehlo
    if order["tls"] == "starttls":
        yield "starttls", partial(session.starttls, context=context)
        yield "ehlo", session.ehlo
    if order["user"] is not None:
        yield "auth", partial(session.login, order["user"], order["password"])
    message = base64.b64decode(order["message"])
    is_8bit = not message.isascii() and session.has_extn("8bitmime")
    yield "mail", partial(session.mail, order["mail_from"], ["BODY=8BITMIME"] if is_8bit else [])
    for recipient in order["rcpts"]:
        yield "rcpt", partial(session.rcpt, recipient)
    yield "data", partial(session.data, message)


if __name__ == "__main__":
    stage, code, text = main(json.load(sys.stdin))
    words = text if isinstance(text, str) else text.decode(errors="replace")
    json.dump({"code": code, "text": words, "stage": stage}, sys.stdout)
