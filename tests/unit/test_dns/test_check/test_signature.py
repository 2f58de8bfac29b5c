"""A probe that was really signed is verified with what the world says of its selector."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from postroad.dns.check.checks import Facts
from postroad.dns.check.signature import Probe
from postroad.dns.check.verdict import Verdict

from .. import estates
from .estate import faults, judge
from .world import Record, txt

SELECTOR = "202611-mail1._domainkey.shop.example"
UNSIGNED = b"From: shop@shop.example\r\nTo: a@b.example\r\nSubject: probe\r\n\r\nA probe.\r\n"


@cache
def key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def public(private: RSAPrivateKey) -> str:
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(der).decode()


@cache
def signed() -> bytes:
    pem = key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return bytes(dkim.sign(UNSIGNED, b"202611-mail1", b"shop.example", pem)) + UNSIGNED


PROBE = Probe("mail1", "transactional", "shop.example", "signed", b"")


def judged(probe: Probe, *records: Record) -> list[Verdict]:
    verdicts = judge(records, facts=Facts((), (), (), (probe,)))
    return [v for v in verdicts if v.check == "DKIM signature of mail1, transactional"]


def good() -> Record:
    return SELECTOR, "TXT", txt(f"v=DKIM1; k=rsa; p={public(key())}")


def test_a_good_signature_is_ok() -> None:
    (verdict,) = judged(replace(PROBE, message=signed()), good())
    assert (verdict.verdict, verdict.about) == ("ok", "shop.example")


def _broken() -> Iterator[tuple[Probe, list[Record], str]]:
    whole = replace(PROBE, message=signed())
    yield whole, [], "no such key"
    yield whole, [(SELECTOR, "TXT", txt(f"v=DKIM1; p={estates.public_key(9)}"))], "no such key"
    yield whole, [(SELECTOR, "TXT", txt("v=DKIM1; p="))], "no such key"
    yield whole, [(SELECTOR, "TXT", txt(f"v=DKIM1; p={public(key())[:200]}"))], "no such key"
    yield whole, [(SELECTOR, "TXT", txt("x" * 2000))], "no such key"
    tampered = replace(PROBE, message=signed().replace(b"A probe.", b"A trick."))
    yield tampered, [good()], "body hash mismatch"
    yield replace(PROBE, message=b"no message"), [good()], ""
    yield replace(PROBE, outcome="deferred"), [good()], "deferred"


@pytest.mark.parametrize("case", range(8))
def test_every_fault_is_named(case: int) -> None:
    probe, records, words = list(_broken())[case]
    (verdict,) = faults(judged(probe, *records))
    assert (verdict.verdict, verdict.severity) == ("wrong", "required"), verdict
    assert words in verdict.reason
    assert verdict.mend
