"""One SMTP session: the order comes as JSON on standard input, the last reply leaves as JSON."""

import base64
import json
import smtplib
import ssl
import sys


def main(order):
    """Every reply in turn, as (stage, code, text); the first refusal is the last of them."""
    context = ssl.create_default_context(cadata=order["ca_pem"])
    if order["ca_pem"] is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    place = (order["host"], order["port"])
    options = {"timeout": order["timeout"], "local_hostname": order["helo"]}
    try:
        if order["tls"] == "implicit":
            session = smtplib.SMTP_SSL(*place, context=context, **options)
        else:
            session = smtplib.SMTP(*place, **options)
    except smtplib.SMTPResponseException as refusal:
        return ("connect", refusal.smtp_code, refusal.smtp_error)
    except OSError as error:
        return ("connect", 0, str(error).encode())
    with session:
        for stage, command in steps(session, order, context):
            try:
                code, text = command()
            except smtplib.SMTPResponseException as refusal:
                code, text = refusal.smtp_code, refusal.smtp_error
            except (smtplib.SMTPException, OSError) as error:
                code, text = 0, str(error).encode()
            if code // 100 not in (2, 3) or stage == "data":
                return (stage, code, text)
    raise AssertionError("data is the last step")


def steps(session, order, context):
    """The commands of the session in order."""
    yield "ehlo", session.ehlo
    if order["tls"] == "starttls":
        yield "starttls", lambda: session.starttls(context=context)
        yield "ehlo", session.ehlo
    if order["user"] is not None:
        yield "auth", lambda: session.login(order["user"], order["password"])
    message = base64.b64decode(order["message"])
    wants_8bit = message.isascii() is False and session.has_extn("8bitmime")
    yield (
        "mail",
        lambda: session.mail(order["mail_from"], ["BODY=8BITMIME"] if wants_8bit else []),
    )
    for recipient in order["rcpts"]:
        yield "rcpt", lambda to=recipient: session.rcpt(to)
    yield "data", lambda: session.data(message)


if __name__ == "__main__":
    stage, code, text = main(json.load(sys.stdin))
    json.dump({"code": code, "text": text.decode(errors="replace"), "stage": stage}, sys.stdout)
