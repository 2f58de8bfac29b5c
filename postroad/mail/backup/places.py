"""What a backup may hold, path by path, and what each of it must be. Pure.

What was made on a host and stands nowhere else: DKIM keys and the marks of their lives, the pauses
of its streams, the certificate with its account, and the Maildirs of inbound. All else
a run makes anew from the estate. Queues are not kept: a copy would be delivered twice. How certbot
renews is not kept either: its file names commands that root would run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from postroad.host.paths import ACME_ARCHIVE, CONFIG, MAILBOX_USER, MAILBOXES, OPENED
from postroad.mail.signing.keys import OWNER as SIGNER
from postroad.settings.model import STREAM_NAMES

ACCOUNTS = "/etc/letsencrypt/accounts"
BOXES = ("postmaster", *STREAM_NAMES)

SMALL = 64 * 1024
#: An RSA key of 4096 bits, and some more: to see that a larger one is a key takes long.
KEY_SIZE = 4 * 1024
#: More than message_size_limit lets in: what is larger is no message.
LARGE = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file: which paths are of it, whose it is, its mode, and the most octets of it.

    ``wrong`` says what of a content is wrong, in words; empty where it is right.
    """

    path: re.Pattern[str]
    owner: str
    mode: int
    wrong: Callable[[bytes], str]
    limit: int = SMALL


def private_key(content: bytes) -> RSAPrivateKey | EllipticCurvePrivateKey | None:
    """The private key in a PEM file (RFC 7468); None where there is none that signs mail or TLS."""
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey) else None


def certificates(content: bytes) -> list[x509.Certificate]:
    """The certificates in a PEM file; none where one of it is none, or its key is of no use."""
    try:
        found = x509.load_pem_x509_certificates(content)
        for one in found:
            one.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        return []
    return found


def _no_signing_key(content: bytes) -> str:
    is_rsa = isinstance(private_key(content), RSAPrivateKey)
    return "" if is_rsa else "is no RSA private key in PEM form"


def _no_key(content: bytes) -> str:
    return "" if private_key(content) else "is no private key in PEM form"


def _no_certificate(content: bytes) -> str:
    return "" if certificates(content) else "is no certificate in PEM form"


def _no_life(content: bytes) -> str:
    line = rb"(visible|active|revoked|withdrawn|orphaned) [0-9]{1,10}(?:\.[0-9]+)?\n"
    names = re.findall(line, content)
    is_life = re.fullmatch(rb"(?:%b){1,5}" % line, content) and len({*names}) == len(names)
    return "" if is_life else "does not tell a key's life"


def _no_pause(content: bytes) -> str:
    """A word, or what was made by hand: it counts as a stop (`postroad.mail.pause.found`)."""
    return "" if re.fullmatch(rb"[a-z]{0,16}\n?", content) else "is no pause of a stream"


def _no_account(content: bytes) -> str:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        said = None
    return "" if isinstance(said, dict) else "is no JSON object"


# RFC 7518 §6.2.2, §6.3.2: what a private key has, by its type.
_JWK = {"RSA": {"n", "e", "d", "p", "q", "dp", "dq", "qi"}, "EC": {"crv", "x", "y", "d"}}


def _no_account_key(content: bytes) -> str:
    if fault := _no_account(content):
        return fault
    key = json.loads(content)
    needed = _JWK.get(str(key.get("kty")))
    is_key = needed and all(isinstance(key.get(name), str) for name in needed)
    return "" if is_key else "is no private key in JSON form"


def _mail(content: bytes) -> str:
    """Nothing: it is data, for whoever opens it."""
    return ""


_STREAM = f"(?:{'|'.join(STREAM_NAMES)})"
_DOMAIN = r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+"
_SELECTOR = r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*"
# certbot's folders are called after the authority's directory, then after the account.
_ACCOUNT = rf"{ACCOUNTS}/[A-Za-z0-9.:-]+(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*){{0,4}}/[0-9a-f]{{32}}"
# maildir(5). In tmp are mails that are not whole yet.
_MESSAGE = r"(?:(?:bounces|complaints)/)?(?:new|cur)/[A-Za-z0-9][A-Za-z0-9._:,=+-]{0,99}"


def _kind(
    path: str, wrong: Callable[[bytes], str], mode: int, owner: str = "root", limit: int = SMALL
) -> Kind:
    return Kind(re.compile(path), owner, mode, wrong, limit)


_KEYS = f"{CONFIG}/{_STREAM}/keys/{_DOMAIN}/{_SELECTOR}"
KEY = _kind(f"{_KEYS}[.]pem", _no_signing_key, 0o600, SIGNER, KEY_SIZE)
CERTIFICATE = _kind(
    f"{ACME_ARCHIVE}/(?:cert|chain|fullchain)[0-9]{{1,6}}[.]pem", _no_certificate, 0o644
)
CERTIFICATE_KEY = _kind(f"{ACME_ARCHIVE}/privkey[0-9]{{1,6}}[.]pem", _no_key, 0o600, limit=KEY_SIZE)
ACCOUNT = _kind(f"{_ACCOUNT}/(?:meta|regr)[.]json", _no_account, 0o644)
ACCOUNT_KEY = _kind(f"{_ACCOUNT}/private_key[.]json", _no_account_key, 0o400)
MESSAGE = _kind(f"{MAILBOXES}/(?:{'|'.join(BOXES)})/{_MESSAGE}", _mail, 0o600, MAILBOX_USER, LARGE)

KINDS = (
    KEY,
    _kind(f"{_KEYS}[.]life", _no_life, 0o600),
    _kind(f"{CONFIG}/{_STREAM}/pause", _no_pause, 0o644),
    CERTIFICATE,
    CERTIFICATE_KEY,
    ACCOUNT,
    ACCOUNT_KEY,
    MESSAGE,
)

#: Where a host looks for it.
PLACES = (
    *(f"{CONFIG}/{stream}/keys" for stream in STREAM_NAMES),
    *(f"{CONFIG}/{stream}/pause" for stream in STREAM_NAMES),
    ACCOUNTS,
    ACME_ARCHIVE,
    *(f"{MAILBOXES}/{box}" for box in BOXES),
)

#: What backups of earlier versions hold besides: it is passed over, and made anew.
FORMERLY = re.compile(
    rf"{OPENED}/.*|/etc/letsencrypt/(?:live|renewal|archive|accounts)/.*|{MAILBOXES}/.*|{CONFIG}/{_STREAM}/keys/.*"
)


def kind_of(path: str) -> Kind | None:
    """What a file at ``path`` is; None where a backup holds no such file."""
    return next((kind for kind in KINDS if kind.path.fullmatch(path)), None)
