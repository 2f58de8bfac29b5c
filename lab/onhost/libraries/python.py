"""Letters as Python's library writes and submits them, all over one connection.

The order comes as JSON on standard input; what became of each letter leaves as JSON: its key, and
why it was refused, or nothing.
"""

import json
import smtplib
import ssl
import subprocess
import sys
from base64 import b64decode
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from typing import Any


def main(order: dict[str, Any]) -> list[list[str]]:
    """What became of each letter: its key, and why it was refused."""
    server, outcomes = order["server"], []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP(server["host"], server["port"]) as session:
        session.starttls(context=context)
        session.login(server["user"], server["password"])
        for letter in order["letters"]:
            people = [address for _, address in (*letter["to"], *letter["cc"])]
            why = ""
            try:
                session.sendmail(
                    server["sender"],
                    [*people, *letter["bcc"]],
                    octets(letter, order["folder"]),
                    ["BODY=8BITMIME"] if letter["encoding"] == "8bit" else [],
                )
            except smtplib.SMTPException as refusal:
                why = str(refusal)
            outcomes.append([letter["key"], why])
    return outcomes


def octets(letter: dict[str, Any], folder: str) -> bytes:
    """The message as it goes over the wire."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _address(letter["from"])
    mail["To"] = [_address(pair) for pair in letter["to"]]
    for name, pairs in (("Cc", letter["cc"]), ("Reply-To", letter["reply_to"])):
        if pairs:
            mail[name] = [_address(pair) for pair in pairs]
    mail["Subject"] = letter["subject"]
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = make_msgid(domain="shop.example")
    for name, value in letter["headers"].items():
        mail[name] = value
    if letter["signed"] in ("smime", "pgp"):
        body = EmailMessage(policy=SMTP)
        _fill(body, letter)
        return mail.as_bytes().removesuffix(b"\r\n") + _signed(body.as_bytes(), letter, folder)
    _fill(mail, letter)
    return mail.as_bytes()


def _address(pair: list[str]) -> Address:
    return Address(display_name=pair[0], addr_spec=pair[1])


def _fill(mail: EmailMessage, letter: dict[str, Any]) -> None:
    mail.set_content(letter["text"], cte=letter["encoding"] or None)
    if letter["html"]:
        mail.add_alternative(letter["html"], subtype="html")
        page = mail.get_body(("html",))
        assert page is not None
        for one in letter["images"]:
            kind, _, subtype = one["type"].partition("/")
            page.add_related(
                b64decode(one["content"]),
                kind,
                subtype,
                cid=f"<{one['cid']}>",
                filename=one["name"],
            )
    if letter["calendar"]:
        mail.add_alternative(letter["calendar"], subtype="calendar", params={"method": "REQUEST"})
    for one in letter["attachments"]:
        kind, _, subtype = one["type"].partition("/")
        mail.add_attachment(b64decode(one["content"]), kind, subtype, filename=one["name"])
    if letter["forwarded"]:
        mail.add_attachment(BytesParser(policy=SMTP).parsebytes(b64decode(letter["forwarded"])))


def _signed(body: bytes, letter: dict[str, Any], folder: str) -> bytes:
    """The rest of a message whose *body* is signed by OpenSSL or GnuPG (RFC 1847)."""
    if letter["signed"] == "smime":
        keys = ["-signer", f"{folder}/smime.crt", "-inkey", f"{folder}/smime.key"]
        return _run(["openssl", "smime", "-sign", "-crlfeol", *keys], body)
    argv = ["gpg", "--homedir", f"{folder}/gnupg", "--batch", "--quiet", "--armor"]
    # Lines end in CRLF, and the last one belongs to the boundary (RFC 3156 5).
    body = body.removesuffix(b"\r\n")
    signature = _run([*argv, "--digest-algo", "SHA256", "--detach-sign"], body)
    boundary = f"=-{letter['key']}"
    kind = 'multipart/signed; micalg=pgp-sha256; protocol="application/pgp-signature"'
    return b"\r\n".join(
        (
            b"MIME-Version: 1.0",
            f'Content-Type: {kind};\r\n boundary="{boundary}"'.encode(),
            b"",
            f"--{boundary}".encode(),
            body,
            f"--{boundary}".encode(),
            b'Content-Type: application/pgp-signature; name="signature.asc"',
            b"",
            signature.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").rstrip(),
            f"--{boundary}--".encode(),
            b"",
        )
    )


def _run(argv: list[str], given: bytes) -> bytes:
    return subprocess.run(argv, input=given, capture_output=True, check=True).stdout


if __name__ == "__main__":
    json.dump(main(json.load(sys.stdin)), sys.stdout)
