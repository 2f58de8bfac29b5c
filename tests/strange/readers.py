"""Which addresses readers of mail see in a From: field: Python's three ways, and what none may see.

Each takes the field in octets and gives every address that it would answer to or show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email import message_from_bytes
from email.policy import default
from email.utils import getaddresses, parseaddr


def _unfolded(field: bytes) -> str:
    return field.replace(b"\r\n", b"").decode("latin-1")


def _raw(field: bytes) -> str:
    """The field as Python gives it: with its folds, which its own readers stumble over."""
    return str(message_from_bytes(b"From: " + field + b"\r\n\r\n")["From"])


def _parsed_by_policy(field: bytes) -> list[str]:
    message = message_from_bytes(b"From: " + field + b"\r\n\r\n", policy=default)
    try:
        return [address.addr_spec for address in message["From"].addresses]
    except AttributeError:
        # A fault of Python's: it gives up on a word that begins with a full stop.
        return []


Reader = Callable[[bytes], list[str]]
PYTHON: Mapping[str, Reader] = {
    "email.utils.parseaddr": lambda field: [parseaddr(_unfolded(field))[1]],
    "email.utils.parseaddr of a message": lambda field: [parseaddr(_raw(field))[1]],
    "email.utils.getaddresses": lambda field: [a for _, a in getaddresses([_unfolded(field)])],
    "email.policy.default": _parsed_by_policy,
}

# Forms that shops write and that a reader is known to be wrong about: no address at all may be seen
# there, beside the one that stands in the field. By reader, with the reason.
KNOWN_WRONG: Mapping[str, str] = {
    "email.utils.parseaddr of a message": "as parseaddr; and a fold ends quotes and comments",
    "email.utils.parseaddr": "a name that begins with [Tag] is taken for a domain literal",
    "email.utils.getaddresses": "a name that begins with [Tag] is taken for a domain literal",
    "Email::Address::XS": "the same; and a name that begins with a full stop is an error",
    "email.policy.default": "the same; and a word that begins with a full stop is an error",
}


def is_known_wrong(reader: str, field: bytes) -> bool:
    """Whether the reader may see nothing in the field, by a row of KNOWN_WRONG."""
    before = field.partition(b"<")[0]
    has_odd_dot = reader in ("email.policy.default", "Email::Address::XS") and b"." in before
    has_fold = reader == "email.utils.parseaddr of a message" and b"\n" in field
    return reader in KNOWN_WRONG and (b"[" in before or has_odd_dot or has_fold)


def disagreement(reader: str, seen: list[str], field: bytes, address: str) -> str:
    """What the reader sees that is not the one address of the field; empty where they agree."""
    # Without an at sign it is nobody's address: Python's readers give fragments of a name.
    addresses = {one.lower() for one in seen if "@" in one}
    if addresses == {address.lower()} or (not addresses and is_known_wrong(reader, field)):
        return ""
    return f"{reader} sees {seen} in {field!r}, which is mail of {address}"
