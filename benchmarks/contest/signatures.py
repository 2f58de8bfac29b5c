"""What a contender's messages are looked at for: a signature that verifies, or none."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable

import dkim
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from lab.life.session import Lab
from lab.mail import verify

_SIGNATURE = re.compile(rb"^DKIM-Signature:", re.MULTILINE | re.IGNORECASE)


def new_key() -> str:
    """A private RSA-2048 key, as every signer here reads one (PEM)."""
    key = generate_private_key(65537, 2048)
    return key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    ).decode()


def record_of(private: str) -> bytes:
    """The key record of the private key in *private* (RFC 6376 §3.6.1)."""
    public = load_pem_private_key(private.encode(), None).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + b64encode(der)


def signed_in_the_world(lab: Lab) -> Callable[[bytes], str]:
    """The judge of mail whose key is in the lab's DNS."""

    def judge(raw: bytes) -> str:
        return "" if verify.has_valid_signature(lab, raw) else "no signature that verifies"

    return judge


def signed_with(private: str) -> Callable[[bytes], str]:
    """The judge of mail that must be signed with the key in *private*."""
    record = record_of(private)

    def judge(raw: bytes) -> str:
        is_valid = dkim.verify(raw, dnsfunc=lambda name, timeout=5: record)
        return "" if is_valid else "no signature that verifies"

    return judge


def unsigned(raw: bytes) -> str:
    """The judge of mail that must not be signed."""
    head, _, _ = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    return "a signature" if _SIGNATURE.search(head) else ""
