"""The edge that looks whether the world sees a DKIM key: on every resolver, and no other key."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import dns.exception
import dns.resolver

from postroad.dns.check.tags import tag_list
from postroad.dns.dkim import LiveKey
from postroad.settings.model import Address

# Of one question to one resolver, tries included. A slow answer is no answer: ask again next time.
SECONDS = 5.0
PORT = 53


def seen_by_all(resolvers: Iterable[Address], keys: Iterable[LiveKey]) -> frozenset[str]:
    """The record names (without final dot) of those ``keys`` that each of ``resolvers`` shows.

    What a resolver does not answer, or answers otherwise, counts as not seen (RFC 6376 §3.6.2.2).
    """
    wanted = list(keys)
    asked = [(address, key) for address in resolvers for key in wanted]
    if not asked:
        return frozenset()
    with ThreadPoolExecutor(min(32, len(asked))) as pool:
        shown = list(pool.map(lambda pair: _shows(*pair), asked))
    missed = {key.owner for (_, key), is_shown in zip(asked, shown, strict=True) if not is_shown}
    return frozenset(key.owner for key in wanted) - missed


def _shows(address: Address, key: LiveKey) -> bool:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [str(address)]
    resolver.port = PORT
    resolver.lifetime = SECONDS
    try:
        answer = resolver.resolve(f"{key.owner}.", "TXT")
    except dns.exception.DNSException:
        return False
    texts = [b"".join(rdata.strings).decode("ascii", "replace") for rdata in answer]
    return len(texts) == 1 and _public_key(texts[0]) == key.public_key_base64


def _public_key(record: str) -> str:
    """The value of the tag ``p`` without its white space (RFC 6376 §3.6.1)."""
    tags = tag_list(record) or {}
    return "".join(tags.get("p", "").split())
