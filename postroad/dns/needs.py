"""What the world must be able to verify before a stream may send from a host.

The host-side checker (postroad/onhost/world_sees/main.py) evaluates these needs against the host's
own resolver. Each that it has verified is remembered for itself (`postroad.mail.standing`), so a
resolver in trouble closes nothing, and neither does what an estate gains or loses beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Literal

from postroad.dns import dkim
from postroad.dns.dkim import LiveKey
from postroad.dns.record import Record
from postroad.dns.records import derive
from postroad.dns.zone import zone_line
from postroad.settings.model import Address, Estate, Host, Stream, WayOut

NeedKind = Literal["dkim", "spf", "fcrdns"]


@dataclass(frozen=True, slots=True)
class Need:
    """One expectation: its kind, the facts that are checked, and the records that fulfil it.

    ``facts`` by kind: *dkim* ``name``, ``key`` (base64); *spf* ``address``, ``sender`` (empty when
    the HELO name itself is checked, RFC 7208 §2.4), ``helo``; *fcrdns* ``address``, ``name``.
    ``publish`` holds lines of a master file. It is advice, and nothing that is remembered: another
    host that joins the estate changes the SPF record, and no stream that is open.
    """

    kind: NeedKind
    facts: tuple[tuple[str, str], ...]
    publish: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Needs:
    """What opens a stream on a host.

    ``way`` is needed for all of its mail, ``domains`` for that of each sending domain alone: its
    DKIM key, and None where the host has none yet.
    """

    way: tuple[Need, ...]
    domains: Mapping[str, Need | None]

    @property
    def keyless(self) -> tuple[str, ...]:
        """The sending domains that no key of the host signs for."""
        return tuple(domain for domain, need in self.domains.items() if need is None)

    def __iter__(self) -> Iterator[Need]:
        keys = (need for need in self.domains.values() if need is not None)
        yield from sorted(keys, key=lambda need: need.facts)
        yield from self.way


def needs(estate: Estate, host: Host, stream: Stream, keys: Iterable[LiveKey]) -> Needs:
    """What opens ``stream`` on ``host``: its DKIM keys, SPF of both identities, FCrDNS.

    KeyError where the host does not carry the stream, UnusableKeyError as `derive`.
    """
    live = tuple(keys)
    own = {k.domain: k for k in live if (k.host, k.stream) == (host.name, stream.name)}
    records = (*_keyless(estate), *dkim.records(estate, live))
    return Needs(
        way=needs_of_way(stream, host.way_out(stream.name), records),
        domains={
            domain: need_of_key(own[domain], records) if domain in own else None
            for domain in stream.from_domains
        },
    )


def needs_of_way(stream: Stream, way: WayOut, records: tuple[Record, ...] = ()) -> tuple[Need, ...]:
    """What all mail of ``stream`` needs that leaves by ``way``; ``records`` would fulfil it."""
    return (
        *_spf(stream, way, records),
        *(_fcrdns(address, way, records) for address in way.addresses),
    )


def need_of_key(key: LiveKey, records: Iterable[Record] = ()) -> Need:
    """What mail needs that ``key`` signs; ``records`` would fulfil it."""
    facts = (("name", key.owner), ("key", key.public_key_base64))
    return Need("dkim", facts, _lines(records, key.owner, "TXT"))


@lru_cache(maxsize=1)
def _keyless(estate: Estate) -> tuple[Record, ...]:
    """All records but those of keys: the same for every host and stream of a run."""
    return derive(estate, ())


def needs_json(needs: Iterable[Need]) -> str:
    """The checker's standard input: a list of objects, the facts beside ``kind``, ``publish``."""
    return json.dumps([{**_checked(need), "publish": need.publish} for need in needs], indent=1)


def as_line(need: Need) -> str:
    """What is checked of ``need``, in one line of JSON: the same whatever is advised."""
    return json.dumps(_checked(need), sort_keys=True)


def digest(needs: Iterable[Need]) -> str:
    """sha256 (hexadecimal) of all that is checked, whatever the order."""
    return sha256("\n".join(sorted(map(as_line, needs))).encode()).hexdigest()


def _checked(need: Need) -> Mapping[str, str]:
    return {"kind": need.kind, **dict(need.facts)}


def _spf(stream: Stream, way: WayOut, records: tuple[Record, ...]) -> Iterator[Need]:
    identities = ((stream.bounce_address, stream.envelope_domain), ("", way.helo))
    for sender, owner in identities:
        for address in way.addresses:
            facts = (("address", str(address)), ("sender", sender), ("helo", way.helo))
            yield Need("spf", facts, _lines(records, owner, "TXT"))


def _fcrdns(address: Address, way: WayOut, records: tuple[Record, ...]) -> Need:
    facts = (("address", str(address)), ("name", way.helo))
    forward = "A" if address.version == 4 else "AAAA"
    publish = (
        *_lines(records, address.reverse_pointer, "PTR"),
        *_lines(records, way.helo, forward),
    )
    return Need("fcrdns", facts, publish)


def _lines(records: Iterable[Record], owner: str, kind: str) -> tuple[str, ...]:
    return tuple(zone_line(r) for r in records if (r.owner, r.type) == (owner, kind))
