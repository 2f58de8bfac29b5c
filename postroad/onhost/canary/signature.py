"""Whether a message that came out is signed as it has to be."""

from __future__ import annotations

import base64

from postroad.onhost.canary.keys import MINIMUM_KEY_BITS, Key, public_key
from postroad.onhost.canary.mail import BODY
from postroad.onhost.canary.refusal import RefusedError
from postroad.onhost.common.signature import Records, signature_fault


def check_signature(raw: bytes, key: Key) -> None:
    """The message carries one signature of ``key`` that verifies, and that no change survives."""
    dns = zone_of(key)
    name = record_name(key)
    if not is_signed(raw):
        raise RefusedError("it left without a signature")
    if fault := fault_of(raw, dns):
        raise RefusedError(f"its signature by {name} does not verify with {key.path}: {fault}")
    if not fault_of(raw.replace(BODY.encode(), b"The canary lies."), dns):
        raise RefusedError(f"its signature by {name} also verifies a changed message")


def is_signed(raw: bytes) -> bool:
    return b"\ndkim-signature:" in raw.lower()


def record_name(key: Key) -> str:
    return f"{key.selector}._domainkey.{key.domain}"


def zone_of(key: Key) -> Records:
    """A DNS that holds the public half of ``key`` and nothing else, as dkimpy asks it."""
    name = record_name(key)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public_key(key))

    def dns(asked: bytes, timeout: int = 0) -> bytes:
        return record if asked.decode().rstrip(".").lower() == name.lower() else b""

    return dns


def fault_of(message: bytes, dns: Records) -> str:
    """Why the signature does not verify; empty where it does."""
    return signature_fault(message, dns, "it is wrong", MINIMUM_KEY_BITS)
