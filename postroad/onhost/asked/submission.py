"""Speaks SMTP to this host's own listeners, up to a recipient that must be refused, as JSON.

Argument: {"chain", "key": files, "listeners": [{"address", "port", "wrapped", "sender"}, ...]}. It
never logs in and never gets to DATA, so no mail comes of it.
"""

from __future__ import annotations

import hashlib
import json
import smtplib
import ssl
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from postroad.onhost.common.tls import any_certificate

Json = dict[str, Any]

SECONDS = 15
ME = "audit.invalid"
STRANGER = "nobody@audit.invalid"


def outdated() -> ssl.SSLContext:
    """A client that knows TLS 1.0 and 1.1 only (RFC 8996 forbids both)."""
    context = any_certificate()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def connect(listener: Json, context: ssl.SSLContext) -> tuple[smtplib.SMTP, str]:
    """A session and its greeting; TLS from the start where the listener wants that."""
    if listener["wrapped"]:
        session: smtplib.SMTP = smtplib.SMTP_SSL(timeout=SECONDS, context=context)
    else:
        session = smtplib.SMTP(timeout=SECONDS)
    # Without it, smtplib cannot know the name for SNI.
    session._host = listener["address"]  # type: ignore[attr-defined]
    _, greeting = session.connect(listener["address"], listener["port"])
    return session, greeting.decode(errors="replace")


def offers(session: smtplib.SMTP) -> dict[str, str]:
    """The answer to EHLO: keyword and parameters."""
    session.ehlo(ME)
    return {name.upper(): str(value).strip() for name, value in session.esmtp_features.items()}


def takes_outdated_tls(listener: Json) -> bool:
    """Whether a client with TLS 1.1 at most gets in."""
    try:
        session, _ = connect(listener, outdated())
        if not listener["wrapped"]:
            session.ehlo(ME)
            session.starttls(context=outdated())
        session.close()
    except (OSError, smtplib.SMTPException):
        return False
    return True


def recipient_answer(session: smtplib.SMTP, sender: str) -> tuple[int, str]:
    """The answer to a recipient elsewhere, from a client that did not log in."""
    code, text = session.mail(sender)
    if code == 250:
        code, text = session.rcpt(STRANGER)
    return code, text.decode(errors="replace")


def dialogue(listener: Json) -> Json:
    """What one listener says, before and after TLS."""
    session, greeting = connect(listener, any_certificate())
    before = {} if listener["wrapped"] else offers(session)
    if "STARTTLS" in before:
        session.starttls(context=any_certificate())
    secure = listener["wrapped"] or "STARTTLS" in before
    channel = session.sock
    told: Json = {
        "greeting": greeting.split()[0] if greeting.split() else "",
        "before": before,
        "after": offers(session) if secure else {},
        "tls": channel.version() if isinstance(channel, ssl.SSLSocket) else "",
        "certificate": "",
        "der": b"",
    }
    if isinstance(channel, ssl.SSLSocket):
        told["der"] = channel.getpeercert(binary_form=True) or b""
    told["code"], told["answer"] = recipient_answer(session, listener["sender"])
    session.quit()
    told["outdated"] = takes_outdated_tls(listener) if secure else False
    return {"fault": "", **told}


def look_at(listener: Json) -> Json:
    """One listener; ``fault`` says why it could not be asked."""
    place = {"address": listener["address"], "port": listener["port"]}
    silent = {
        "greeting": "", "before": {}, "after": {}, "tls": "", "certificate": "", "der": b"",
        "code": 0, "answer": "", "outdated": False,
    }  # fmt: skip
    try:
        return {**place, **dialogue(listener)}
    # Whatever speaks there, it may say anything.
    except Exception as error:
        return {**place, **silent, "fault": f"{type(error).__name__}: {error}"}


def certificate(der: bytes) -> Json:
    """The names of a certificate, and the seconds until it ends by this host's clock."""
    shown = subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-noout", "-enddate", "-ext", "subjectAltName"],
        input=der,
        capture_output=True,
        timeout=SECONDS,
    ).stdout.decode(errors="replace")
    ends = next((x.partition("=")[2] for x in shown.splitlines() if x.startswith("notAfter")), "")
    names = [part.strip()[4:] for part in shown.replace("\n", ",").split(",") if "DNS:" in part]
    left = ssl.cert_time_to_seconds(ends) - time.time() if ends else 0
    return {"names": names, "seconds_left": int(left)}


def installed(chain: Path) -> str:
    """The digest of the certificate on disk that the listeners are to show; empty without one."""
    try:
        first = chain.read_text().split("-----END CERTIFICATE-----")[0]
        der = ssl.PEM_cert_to_DER_cert(first.strip() + "\n-----END CERTIFICATE-----\n")
    except (OSError, ValueError):
        return ""
    return hashlib.sha256(der).hexdigest()


def key_fault(chain: Path, key: Path) -> str:
    """Why a daemon that starts now cannot show the certificate on disk; empty where it can.

    Without a certificate nothing is said of its key.
    """
    if not chain.is_file():
        return ""
    try:
        key.read_bytes()
        # An encrypted key would be asked for its password.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key, password="")
    except ssl.SSLError as error:
        return str(error.reason or "not a private key").replace("_", " ").lower()
    except OSError as error:
        return str(error.strerror)
    return ""


def look(ask: Json) -> Json:
    """Every listener, side by side, and each certificate that they show, once."""
    with ThreadPoolExecutor(8) as pool:
        listeners = list(pool.map(look_at, ask["listeners"]))
    certificates: dict[str, Json] = {}
    for listener in listeners:
        der = listener.pop("der")
        if der:
            digest = hashlib.sha256(der).hexdigest()
            listener["certificate"] = digest
            if digest not in certificates:
                certificates[digest] = certificate(der)
    told = {"listeners": listeners, "certificates": certificates}
    chain, key = Path(ask["chain"]), Path(ask["key"])
    return {**told, "installed": installed(chain), "key_fault": key_fault(chain, key)}


def main(arguments: list[str]) -> int:
    """Print the answer to the argument."""
    json.dump(look(json.loads(arguments[0])), sys.stdout)
    return 0
