"""A zone as a provider holds it, and what every provider refuses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import dns.exception
import dns.name
import dns.rdata
from dns.rdataclass import IN
from dns.rdtypes.ANY.TXT import TXT

# RFC 1035 §5.1: strings in quotes, at most 255 octets each (§3.3).
_STRING = r'"(?:[^"\\]|\\.){0,255}"'
_STRINGS = re.compile(rf"{_STRING}(?: {_STRING})*")

# A whole name and a type; a TTL and values.
Key = tuple[str, str]
Held = tuple[int, tuple[str, ...]]


class RefusedError(Exception):
    """A change that the provider refuses; the message says why."""


@dataclass
class Zone:
    """RRsets by whole name (without trailing dot) and type: a TTL and values in zone file form."""

    name: str
    shortest_ttl: int
    rrsets: dict[Key, Held] = field(default_factory=dict)

    def put(self, owner: str, kind: str, ttl: int, values: Sequence[str]) -> None:
        """Have exactly these values there. Raises RefusedError."""
        if owner != owner.lower() or not (owner == self.name or owner.endswith(f".{self.name}")):
            raise RefusedError(f"{owner} is no name of {self.name}")
        if ttl < self.shortest_ttl:
            raise RefusedError(f"TTL {ttl} is below {self.shortest_ttl}")
        if not values or len(set(values)) != len(values):
            raise RefusedError(f"{owner} {kind} holds nothing, or a value twice")
        others = {one for name, one in self.rrsets if name == owner} - {kind}
        if (kind == "CNAME" and (others or len(values) > 1)) or "CNAME" in others:
            raise RefusedError(f"{owner}: a CNAME stands alone")
        for value in values:
            _check(kind, value)
        self.rrsets[owner, kind] = (ttl, tuple(values))

    def take(self, owner: str, kind: str) -> None:
        """Delete an RRset. Raises RefusedError where there is none."""
        if (owner, kind) not in self.rrsets:
            raise RefusedError(f"there is no {owner} {kind}")
        del self.rrsets[owner, kind]

    def rows(self) -> set[tuple[str, int, str, str]]:
        """Owner, TTL, type and rdata of every record, as dnspython says them."""
        return {
            (owner, ttl, kind, canonical(kind, value))
            for (owner, kind), (ttl, values) in self.rrsets.items()
            for value in values
        }


def canonical(kind: str, value: str) -> str:
    """The rdata in one form; TXT as the text that its strings make together."""
    rdata = dns.rdata.from_text(IN, kind, value, dns.name.root)
    if isinstance(rdata, TXT):
        return b"".join(rdata.strings).decode("ascii")
    return rdata.to_text()


def _check(kind: str, value: str) -> None:
    if kind == "TXT" and not _STRINGS.fullmatch(value):
        raise RefusedError(f"{value[:80]} is not strings in quotes of at most 255 characters")
    try:
        dns.rdata.from_text(IN, kind, value, dns.name.root)
    except (dns.exception.DNSException, ValueError) as error:
        raise RefusedError(f"{kind} {value[:80]}: {error}") from error


def page(items: Sequence[object], number: int, size: int) -> Iterable[object]:
    """Page ``number`` of ``items``, counted from 1."""
    return items[(number - 1) * size : number * size]
