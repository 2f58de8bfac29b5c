"""Numbered messages at every door, until standard input ends: each outcome is a line of JSON.

The order is the first line of standard input. An outcome is [name, outcome, words]: "accepted" (250
to the end of the message), "refused" (any other reply, or no connection), or "unknown" (the
connection ended after the message had been sent, before its reply; RFC 1047).
"""

import json
import smtplib
import ssl
import sys
import threading
import time
from typing import Any

Outcome = tuple[str, str]


def main() -> None:
    """A thread for each connection of each door."""
    order = json.loads(sys.stdin.readline())
    stop = threading.Event()
    threads = [
        threading.Thread(target=keep_on, args=(order, number, stop))
        for number in range(len(order["doors"]))
    ]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()


def keep_on(order: dict[str, Any], number: int, stop: threading.Event) -> None:
    """One message after the other at one door, each in a session of its own."""
    door = order["doors"][number]
    for count in range(order["most"]):
        if stop.is_set():
            return
        name = f"{order['run']}-{number}-{count}"
        outcome, words = hand_in(order, door, name, count)
        # One write each, so that the threads' lines do not mix.
        sys.stdout.write(json.dumps([name, outcome, words]) + "\n")
        sys.stdout.flush()
        time.sleep(order["pause"])


def hand_in(order: dict[str, Any], door: dict[str, Any], name: str, count: int) -> Outcome:
    """What became of one message at the door."""
    recipient = f"{name}@{order['domains'][count % len(order['domains'])]}"
    text = order["message"].format(name=name, to=recipient, sender=door["from"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        host, port, wait = door["host"], door["port"], order["timeout"]
        with smtplib.SMTP_SSL(host, port, context=context, timeout=wait) as session:
            session.login(door["user"], door["password"])
            for code, words in (session.mail(door["mail_from"]), session.rcpt(recipient)):
                if code != 250:
                    return "refused", words.decode()
            return finish(session, text)
    except (smtplib.SMTPException, OSError) as error:
        return "refused", str(error)


def finish(session: smtplib.SMTP, text: str) -> Outcome:
    """The message itself, and what the server says to its end."""
    code, words = session.docmd("DATA")
    if code != 354:
        return "refused", words.decode()
    try:
        session.send(text.replace("\n", "\r\n") + "\r\n.\r\n")
        code, words = session.getreply()
    except (smtplib.SMTPException, OSError) as error:
        return "unknown", str(error)
    return ("accepted" if code == 250 else "refused"), f"{code} {words.decode()}"


if __name__ == "__main__":
    main()
