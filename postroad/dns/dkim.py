"""DKIM: the public key of every signer (RFC 6376 §3.6, RFC 8301)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from postroad.dns.record import Record
from postroad.dns.text import txt
from postroad.settings.model import Estate, StreamName


class UnusableKeyError(ValueError):
    """Live keys that no zone can hold; the message names the host, the selector and the mend."""


@dataclass(frozen=True, slots=True)
class LiveKey:
    """A key of a host: its public half, as base64 of the SubjectPublicKeyInfo.

    ``revoked`` says that the host has destroyed it, and that its record is to say so.
    """

    host: str
    stream: StreamName
    domain: str
    selector: str
    public_key_base64: str
    revoked: bool = False

    @property
    def owner(self) -> str:
        """The name of the key's record (RFC 6376 §3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


def records(estate: Estate, keys: Iterable[LiveKey]) -> Iterator[Record]:
    """The TXT record of each live key, one for each selector.

    UnusableKeyError where a key is not base64, or where one selector would need two keys (RFC 6376
    §3.6.2.2 leaves the result undefined).
    """
    published: dict[str, LiveKey] = {}
    for key in sorted(keys, key=lambda key: (key.owner, key.host, key.stream)):
        if not key.revoked:
            _refuse_unreadable(key)
        first = published.setdefault(key.owner, key)
        if first is key:
            why = f"{key.host} signs {key.stream} mail of {key.domain} with this key"
            if key.revoked:
                why = f"{key.host} no longer has this key: what it signed must not verify any more"
            yield Record(key.owner, estate.record_ttl, "TXT", txt(key_record(key)), why)
        elif first.public_key_base64 != key.public_key_base64:
            raise UnusableKeyError(
                f"{first.host} ({first.stream}) and {key.host} ({key.stream}) sign with different "
                f"keys under one name, {key.owner}: give one of the two another selector_label"
            )


def without_key(estate: Estate, keys: Iterable[LiveKey]) -> tuple[tuple[str, StreamName, str], ...]:
    """Each (host, stream, sending domain) of the estate that no live key signs for yet."""
    signed = {(key.host, key.stream, key.domain) for key in keys}
    wanted = [
        (host.name, stream.name, domain)
        for host in estate.hosts
        for stream, _ in estate.streams_of(host)
        for domain in stream.from_domains
    ]
    return tuple(one for one in wanted if one not in signed)


def key_record(key: LiveKey) -> str:
    if key.revoked:
        return "v=DKIM1; p="
    # h=sha256: rsa-sha1 must not verify (RFC 8301 §3.1). t=s: i= is always d= itself here.
    return f"v=DKIM1; k=rsa; h=sha256; t=s; p={key.public_key_base64}"


def _refuse_unreadable(key: LiveKey) -> None:
    try:
        octets = b64decode(key.public_key_base64, validate=True)
    except (binascii.Error, ValueError):
        octets = b""
    if not octets:
        raise UnusableKeyError(
            f"the public key of {key.owner} on {key.host} is not base64: run the deploy again, "
            "it makes the key's public half anew"
        )
