"""The edge that looks whether the world sees a DKIM key: on every resolver, and no other key.

Or whether it sees none: a resolver that does not answer says neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import dns.exception
import dns.resolver

from postroad.dns.dkim import LiveKey
from postroad.onhost.common.tags import tag_list
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


def absent_for_all(resolvers: Iterable[Address], names: Iterable[str]) -> frozenset[str]:
    """Those of ``names`` (without final dot) that have no TXT record, as each of them says."""
    wanted = list(names)
    asked = [(address, name) for address in resolvers for name in wanted]
    if not asked:
        return frozenset()
    with ThreadPoolExecutor(min(32, len(asked))) as pool:
        texts = list(pool.map(lambda pair: _texts(*pair), asked))
    there = {name for (_, name), found in zip(asked, texts, strict=True) if found != []}
    return frozenset(wanted) - there


def _shows(address: Address, key: LiveKey) -> bool:
    texts = _texts(address, key.owner)
    return texts is not None and [_public_key(text) for text in texts] == [key.public_key_base64]


def _texts(address: Address, name: str) -> list[str] | None:
    """The TXT records of ``name``; None where nobody says which."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [str(address)]
    resolver.port = PORT
    resolver.lifetime = SECONDS
    try:
        answer = resolver.resolve(f"{name}.", "TXT")
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException:
        return None
    return [b"".join(rdata.strings).decode("ascii", "replace") for rdata in answer]


def _public_key(record: str) -> str:
    """The value of the tag ``p`` without its white space (RFC 6376 §3.6.1)."""
    tags = tag_list(record) or {}
    return "".join(tags.get("p", "").split())
