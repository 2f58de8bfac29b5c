"""Receipts handed in one after the other at a steady pace: an order as JSON in, their times out.

One connection, by TLS and login. A receipt begins when its time has come, or when the last one has
been accepted, if that is later. The output maps each recipient to when its receipt began, in
seconds since the epoch.
"""

import json
import smtplib
import ssl
import sys
import time
from typing import Any


def main(order: dict[str, Any]) -> dict[str, float]:
    """When each receipt began."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    began = {}
    with smtplib.SMTP_SSL(order["host"], order["port"], context=context, timeout=60) as session:
        session.login(order["user"], order["password"])
        start = time.monotonic()
        for number in range(order["count"]):
            name = f"{order['run']}-{number}"
            to = f"{name}@{order['domain']}"
            text = order["header"].format(name=name, to=to) + "\n" + "Thank you.\n" * 40
            time.sleep(max(0.0, start + number * order["pause"] - time.monotonic()))
            began[to] = time.time()
            session.sendmail(order["mail_from"], [to], text)
    return began


if __name__ == "__main__":
    json.dump(main(json.load(sys.stdin)), sys.stdout)
