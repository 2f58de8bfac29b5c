"""What a survey found, in words. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from postroad.mail.before.lines import Finding
from postroad.mail.before.survey import HandMadeKey
from postroad.mail.signing.keys import BITS
from postroad.settings.model import Estate, Host


@dataclass(frozen=True, slots=True)
class Found:
    """What is on one host that is not postroad's, and what a run would do with it."""

    host: str
    in_the_way: tuple[str, ...]
    beside: tuple[str, ...]
    findings: tuple[Finding, ...]
    keys: tuple[HandMadeKey, ...]
    offers: tuple[str, ...]
    replaced: tuple[str, ...]


def offers(estate: Estate, host: Host, keys: tuple[HandMadeKey, ...]) -> Iterator[str]:
    """A row for ``estate["dkim_keys"]`` for each key that a stream of ``host`` could sign with.

    Shorter keys are not offered: the streams' canary refuses them.
    """
    for key in keys:
        if key.bits < BITS:
            continue
        for stream, _ in estate.streams_of(host):
            if key.domain in stream.from_domains:
                row = {
                    "host": host.name,
                    "stream": stream.name,
                    "domain": key.domain,
                    "selector": key.selector,
                    "on_host": key.path,
                }
                yield json.dumps(row)
                break


def text(found: Found) -> str:
    """A host's part of the report."""
    lines = [f"{found.host}: {_verdict(found)}"]
    lines += _part("a run refuses it until this is settled", found.in_the_way)
    lines += _part("beside it", found.beside)
    lines += _part("what its configuration does now", map(str, found.findings))
    keys = (f"{k.selector}._domainkey.{k.domain}: {k.bits} bits, {k.path}" for k in found.keys)
    lines += _part("its DKIM keys", keys)
    lines += _part('to keep signing with them, add to estate["dkim_keys"]', found.offers)
    lines += _part("files that a run replaces, and keeps aside", found.replaced)
    return "\n".join(lines) + "\n"


def _verdict(found: Found) -> str:
    if found.in_the_way:
        return f"{len(found.in_the_way)} in the way"
    return "nothing in the way"


def _part(title: str, lines: Iterator[str] | tuple[str, ...] | map[str]) -> Iterator[str]:
    said = tuple(lines)
    if said:
        yield f"  {title}:"
        yield from (f"    - {line}" for line in said)
