"""What the world must be able to verify before a stream may send from a host.

The host-side checker (templates/postroad/world-sees.py) evaluates these needs against the host's
own resolver. A stream that has opened stays open while the digest of its needs is the same, so a
resolver in trouble never closes it.
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


class MissingKeyError(ValueError):
    """A sending domain that no key of the host signs for; the message names all of them."""


@dataclass(frozen=True, slots=True)
class Need:
    """One expectation: its kind, the facts that are checked, and the records that fulfil it.

    ``facts`` by kind: *dkim* ``name``, ``key`` (base64); *spf* ``address``, ``sender`` (empty when
    the HELO name itself is checked, RFC 7208 §2.4), ``helo``; *fcrdns* ``address``, ``name``.
    ``publish`` holds lines of a master file. It is advice and no part of the digest: another host
    that joins the estate changes the SPF record, and no stream that is open.
    """

    kind: NeedKind
    facts: tuple[tuple[str, str], ...]
    publish: tuple[str, ...]


def needs(estate: Estate, host: Host, stream: Stream, keys: Iterable[LiveKey]) -> tuple[Need, ...]:
    """What opens ``stream`` on ``host``: its DKIM keys, SPF of both identities, FCrDNS.

    KeyError where the host does not carry the stream, MissingKeyError where one of its sending
    domains has no key there, UnusableKeyError as `derive`.
    """
    way = host.way_out(stream.name)
    live = tuple(keys)
    own = [key for key in live if (key.host, key.stream) == (host.name, stream.name)]
    _refuse_keyless(host, stream, own)
    records = (*_keyless(estate), *dkim.records(estate, live))
    return (
        *(_dkim(key, records) for key in sorted(own, key=lambda key: key.owner)),
        *_spf(stream, way, records),
        *(_fcrdns(address, way, records) for address in way.addresses),
    )


@lru_cache(maxsize=1)
def _keyless(estate: Estate) -> tuple[Record, ...]:
    """All records but those of keys: the same for every host and stream of a run."""
    return derive(estate, ())


def needs_json(needs: Iterable[Need]) -> str:
    """The checker's standard input: a list of objects, the facts beside ``kind``, ``publish``."""
    return json.dumps([{**_checked(need), "publish": need.publish} for need in needs], indent=1)


def digest(needs: Iterable[Need]) -> str:
    """sha256 (hexadecimal) of what is checked, whatever the order: the latch of an open stream."""
    checked = sorted(json.dumps(_checked(need), sort_keys=True) for need in needs)
    return sha256("\n".join(checked).encode()).hexdigest()


def _checked(need: Need) -> Mapping[str, str]:
    return {"kind": need.kind, **dict(need.facts)}


def _dkim(key: LiveKey, records: Iterable[Record]) -> Need:
    facts = (("name", key.owner), ("key", key.public_key_base64))
    return Need("dkim", facts, _lines(records, key.owner, "TXT"))


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


def _refuse_keyless(host: Host, stream: Stream, own: Iterable[LiveKey]) -> None:
    signed = {key.domain for key in own}
    keyless = [domain for domain in stream.from_domains if domain not in signed]
    if keyless:
        raise MissingKeyError(
            f"{host.name} has no DKIM key for {stream.name} mail of {', '.join(keyless)}: "
            "the dkim role makes it, so ask again after that role has run"
        )
