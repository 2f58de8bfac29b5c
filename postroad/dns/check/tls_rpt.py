"""TLS reporting: where senders tell of TLS that failed (RFC 8460 §3)."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from postroad.dns.check.said import Ask, strings
from postroad.dns.check.verdict import Fault
from postroad.onhost.common.tags import members, tag_list
from postroad.onhost.common.words import quoted


def record(ask: Ask, domain: str, reports: str, mend: str) -> Iterator[Fault]:
    """One record, with the declared address in rua."""
    place = f"_smtp._tls.{domain}"
    found = [text for text in strings(ask(place, "TXT")) if text.startswith(b"v=TLSRPTv1")]
    if len(found) != 1:
        reason = f"{place} has {len(found) or 'no'} TLS reporting record"
        yield Fault("recommended", f"{reason}: nobody reports", mend)
        return
    text = found[0].decode("ascii", "replace")
    tags = tag_list(text)
    if tags is None or tags.get("v") != "TLSRPTv1":
        yield Fault("recommended", f"{place} is no list of tag=value pairs: {quoted(text)}", mend)
    elif f"mailto:{reports}".lower() not in map(unquote, members(tags.get("rua", "").lower(), ",")):
        yield Fault("recommended", f"{place} sends no reports to {reports} (rua)", mend)
