"""What the operator brings to a host: a certificate with its key, and keys that sign. Pure.

What is no such thing would be found out by a daemon, when half of a run is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from postroad.mail.signing.keys import BITS

_CHAIN = 'estate["tls"]["chain_file"]'
_KEY = 'estate["tls"]["key"]'


def pair_faults(chain: str, key: str) -> Iterator[str]:
    """Why no daemon could show this certificate, each with its mend; the key is never quoted."""
    certificates = _certificates(chain)
    if not certificates:
        yield f"{_CHAIN} holds no certificate: write it in PEM form, the server's own first"
    private, fault = _private(key)
    if private is None:
        yield f"{_KEY} {fault}"
    if private is None or not certificates:
        return
    own = _bare(private.public_key())
    fits = [_bare(one.public_key()) == own for one in certificates]
    if not any(fits):
        yield (
            f"{_KEY} does not fit the certificate in {_CHAIN}: bring the key that it was made for"
        )
    elif not fits[0]:
        yield f"{_CHAIN} begins with another's certificate: write the server's own first"


def pair_doubts(chain: str, names: Sequence[str], now: float) -> Iterator[str]:
    """What clients will hold against this certificate, at a time of the epoch."""
    certificates = _certificates(chain)
    if not certificates:
        return
    first = certificates[0]
    when = datetime.fromtimestamp(now, UTC)
    if first.not_valid_after_utc < when:
        days = (when - first.not_valid_after_utc).days
        yield f"the certificate in {_CHAIN} ended {days} days ago: bring a new one"
    elif first.not_valid_before_utc > when:
        yield f"the certificate in {_CHAIN} is not valid yet: bring one that is"
    lacking = [name for name in names if not _covers(first, name)]
    if lacking:
        yield (
            f"the certificate in {_CHAIN} is not for {', '.join(lacking)}, where applications "
            "connect: bring one for each of these names"
        )


def signing_key_fault(text: str) -> str:
    """Why a signer could not use this key, with what to write instead; empty where it can."""
    private, fault = _private(text)
    if private is None:
        return fault
    if not isinstance(private, RSAPrivateKey):
        return "is no RSA key, which is what every receiver verifies (RFC 8301 §3.1): bring one"
    if private.key_size < BITS:
        return f"has {private.key_size} bits, and receivers want {BITS}: bring a longer one"
    return ""


def _certificates(chain: str) -> Sequence[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(chain.encode())
    except ValueError:
        return ()


def _private(text: str) -> tuple[PrivateKeyTypes | None, str]:
    try:
        return load_pem_private_key(text.encode(), None), ""
    except TypeError:
        return None, "is encrypted, and nobody is there to be asked: openssl pkey -in KEY -out KEY"
    except (ValueError, UnsupportedAlgorithm):
        return None, "holds no private key: write one in PEM form"


def _bare(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _covers(certificate: x509.Certificate, name: str) -> bool:
    """Whether a client takes it for ``name`` (RFC 6125 §6.4.3: a wildcard is one whole label)."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return False
    said = {one.lower() for one in extension.value.get_values_for_type(x509.DNSName)}
    return name in said or f"*.{name.partition('.')[2]}" in said
