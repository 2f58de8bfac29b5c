"""The keys that the stream signs with."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.refusal import RefusedError
from postroad.onhost.canary.tables import table

MINIMUM_KEY_BITS = 2048


@dataclass(frozen=True)
class Key:
    """One row of the key table."""

    domain: str
    selector: str
    path: Path


def keys(canary: Canary) -> dict[str, Key]:
    """The keys of the staged key table, by their domains."""
    found = {}
    for row in table(canary.folder / "key.table"):
        parts = row[-1].split(":", 2)
        if len(row) != 2 or len(parts) != 3:
            raise RefusedError(f"key.table: not NAME DOMAIN:SELECTOR:KEY: {' '.join(row)}")
        found[parts[0]] = Key(parts[0], parts[1], Path(parts[2]))
    return found


def public_key(key: Key) -> bytes:
    """The public half of a key, as DER; RefusedError where there is none."""
    command = ("openssl", "pkey", "-in", str(key.path), "-pubout", "-outform", "DER")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise RefusedError(f"key.table: {key.path} holds no private key: {words}")
    return done.stdout


def check_key(key: Key) -> None:
    """An RSA key of a size that receivers accept (RFC 8301 §3.2)."""
    show = ("openssl", "pkey", "-pubin", "-inform", "DER", "-noout", "-text_pub")
    done = subprocess.run(show, input=public_key(key), capture_output=True, check=False)
    bits = re.search(rb"Public-Key: \((\d+) bit", done.stdout)
    if bits is None or b"Modulus" not in done.stdout:
        raise RefusedError(
            f"key.table: {key.path} is no RSA key, and this OpenDKIM signs with none other"
        )
    if int(bits.group(1)) < MINIMUM_KEY_BITS:
        raise RefusedError(
            f"key.table: {key.path} has {int(bits.group(1))} bits, fewer than {MINIMUM_KEY_BITS}"
        )
