"""Signatures of the application's own (RFC 1847), by OpenSSL and GnuPG, octet by octet.

The order comes as JSON on standard input: a folder of keys, and for each message "smime" or "pgp"
and its octets. What is wrong with each leaves as JSON: nothing, where it verifies.
"""

import email
import json
import re
import subprocess
import sys
from base64 import b64decode
from pathlib import Path


def main(order: dict[str, object]) -> list[str]:
    """What is wrong with each message."""
    folder = Path(str(order["folder"]))
    judges = {"smime": by_openssl, "pgp": by_gnupg}
    messages = order["messages"]
    assert isinstance(messages, list)
    return [judges[kind](folder, b64decode(text)) for kind, text in messages]


def by_openssl(folder: Path, raw: bytes) -> str:
    """What openssl-smime(1) holds against an S/MIME message."""
    trust = ["-CAfile", str(folder / "smime.crt")]
    return _said(["openssl", "smime", "-verify", *trust, "-out", "/dev/null"], raw, b"successful")


def by_gnupg(folder: Path, raw: bytes) -> str:
    """What gpg(1) holds against a PGP/MIME message (RFC 3156 5): its first part, lines by CRLF."""
    boundary = email.message_from_bytes(raw).get_boundary("")
    lines = re.sub(rb"\r\n|\n", b"\r\n", raw)
    _, signed, signature, _ = lines.split(b"\r\n--" + boundary.encode(), 3)
    place = folder / "signature.asc"
    place.write_bytes(signature.partition(b"\r\n\r\n")[2])
    keys = ["--homedir", str(folder / "gnupg"), "--batch"]
    argv = ["gpg", *keys, "--verify", str(place), "-"]
    return _said(argv, signed.removeprefix(b"\r\n"), b"Good signature")


def _said(argv: list[str], given: bytes, good: bytes) -> str:
    done = subprocess.run(argv, input=given, capture_output=True, check=False)
    return "" if done.returncode == 0 and good in done.stderr else done.stderr.decode().strip()


if __name__ == "__main__":
    json.dump(main(json.load(sys.stdin)), sys.stdout)
