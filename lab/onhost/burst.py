"""Many messages as fast as they are taken: the order comes as JSON, the count leaves as JSON.

Each connection logs in once and hands in its share, as a shop's campaign tool does.
"""

import json
import smtplib
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def main(order: dict[str, Any]) -> dict[str, Any]:
    """How many messages were accepted, and the first refusals."""
    width = order["connections"]
    with ThreadPoolExecutor(max_workers=width) as pool:
        parts = list(pool.map(lambda first: share(order, first), range(width)))
    refusals = [refusal for _, refused in parts for refusal in refused]
    return {"accepted": sum(count for count, _ in parts), "refusals": refusals[:3]}


def share(order: dict[str, Any], first: int) -> tuple[int, list[str]]:
    """Every connections-th message, beginning with number *first*, over one connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    accepted = 0
    refused: list[str] = []
    with smtplib.SMTP_SSL(order["host"], order["port"], context=context, timeout=60) as session:
        session.login(order["user"], order["password"])
        for number in range(first, order["count"], order["connections"]):
            text = order["message"].replace("NUMBER", str(number))
            try:
                session.sendmail(order["mail_from"], [order["recipient"]], text.encode())
                accepted += 1
            except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as refusal:
                refused.append(str(refusal))
    return accepted, refused


if __name__ == "__main__":
    json.dump(main(json.load(sys.stdin)), sys.stdout)
