"""A published DKIM key against the one that signs (RFC 6376 §3.6.1)."""

from __future__ import annotations

import binascii
from base64 import b64decode

from postroad.onhost.common.tags import members, tag_list
from postroad.onhost.common.words import quoted

# OpenDKIM and others read a key record into a buffer of this size.
MOST_OCTETS = 2048


def key_record_fault(record: bytes, public_key: str) -> str:
    """What a verifier would hold against ``record``, or "" where it verifies with the key."""
    if len(record) >= MOST_OCTETS:
        return f"has {len(record)} octets, more than verifiers read"
    try:
        text = record.decode("ascii")
    except UnicodeDecodeError:
        return "holds characters that are not ASCII: type its quotes and dashes anew"
    if text.startswith('"'):
        return "has quotation marks inside its value: remove them in the DNS panel"
    tags = tag_list(text)
    if tags is None:
        return f"is not a list of tag=value pairs: {quoted(text)}"
    return _tag_fault(tags) or _key_fault("".join(tags["p"].split()), public_key)


def _tag_fault(tags: dict[str, str]) -> str:
    for looks_wrong, fault in (
        (_version_is_wrong(tags), "does not begin with v=DKIM1"),
        ("p" not in tags, "has no p= tag"),
        (tags.get("p") == "", "is revoked (its p= is empty)"),
        (tags.get("k", "rsa") != "rsa", "is for another kind of key than rsa (k=)"),
        ("sha256" not in members(tags.get("h", "sha256")), "does not allow sha256 (h=)"),
        (not {"*", "email"} & set(members(tags.get("s", "*"))), "is not for e-mail (s=)"),
        ("y" in members(tags.get("t", "")), "is in test mode (t=y), as good as unsigned"),
    ):
        if looks_wrong:
            return fault
    return ""


def _version_is_wrong(tags: dict[str, str]) -> bool:
    # RFC 6376 §3.6.1: v= may be missing, but must be first where it is present.
    return "v" in tags and (tags["v"] != "DKIM1" or next(iter(tags)) != "v")


def _key_fault(published: str, public_key: str) -> str:
    if published == public_key:
        return ""
    if public_key.startswith(published):
        return f"is cut off: it holds {len(published)} of the key's {len(public_key)} characters"
    try:
        b64decode(published, validate=True)
    except (binascii.Error, ValueError):
        return "holds a key that is not base64"
    return "holds another key than the one this host signs with"
