"""What all sources agree on about one name, and its readers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import dns.rdata

from postroad.dns.check.answers import text_of
from postroad.settings.model import Address


class UnansweredError(Exception):
    """Nothing is known: nobody answered, or the sources disagree. The message says which."""


class TooLargeError(Exception):
    """An answer that no receiver reads to its end."""


@dataclass(frozen=True, slots=True)
class Said:
    """The records of a name, none where it has none; ``ttl`` in seconds.

    ``aliased`` says that the name is a CNAME, ``secure`` that every resolver vouches for the answer
    by DNSSEC.
    """

    rdatas: frozenset[dns.rdata.Rdata]
    ttl: int
    secure: bool
    aliased: bool = False


Ask = Callable[[str, str], Said]
"""What the world says about a name and a type. Raises UnansweredError and TooLargeError."""


def _fields(said: Said) -> list[Any]:
    # dnspython's records have fields by their type, which mypy cannot know here.
    return sorted(said.rdatas)


def strings(said: Said) -> list[bytes]:
    """Each TXT record, its strings joined without a space (RFC 7208 §3.3, RFC 6376 §3.6.2.2)."""
    return [b"".join(rdata.strings) for rdata in _fields(said)]


def addresses(said: Said) -> set[Address]:
    """A and AAAA."""
    return {ip_address(rdata.address) for rdata in _fields(said)}


def exchanges(said: Said) -> list[tuple[int, str]]:
    """MX: preference and host; "." is nobody (RFC 7505)."""
    return sorted((rdata.preference, text_of(rdata.exchange)) for rdata in _fields(said))


def targets(said: Said) -> list[str]:
    """PTR and NS: the names."""
    return [text_of(rdata.target) for rdata in _fields(said)]
