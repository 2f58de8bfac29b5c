"""CAA: the authority that we get certificates from may issue them (RFC 8659)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from postroad.dns.check.said import Ask
from postroad.dns.check.verdict import Fault
from postroad.onhost.common.words import quoted

# RFC 8659 §4.1: an authority must not issue by a critical property that it does not know.
_KNOWN = {b"issue", b"issuewild", b"iodef", b"issuemail", b"contactemail", b"contactphone"}
_CRITICAL = 128


def issuer(ask: Ask, name: str, authority: str) -> Iterator[Fault]:
    """``authority`` is allowed by the record set that counts for ``name``."""
    place, found = _relevant(ask, name)
    mend = f'publish {place}. CAA 0 issue "{authority}"'
    if not found:
        reason = f"no CAA record is above {name}: every authority may issue for it"
        yield Fault("recommended", reason, mend)
        return
    strange = [one for one in found if one.flags & _CRITICAL and one.tag.lower() not in _KNOWN]
    if strange:
        shown = quoted(strange[0].tag.decode("ascii", "replace"))
        yield Fault("required", f"{place} has the critical CAA property {shown}", f"remove {shown}")
    issues = [one for one in found if one.tag.lower() == b"issue"]
    allowed = [_domain(one.value) for one in issues]
    if issues and authority.lower() not in allowed:
        shown = quoted(", ".join(domain or "nobody" for domain in allowed))
        reason = f"CAA at {place} lets {shown} issue for {name}, not {authority}"
        yield Fault("required", f"{reason}: the certificate cannot be renewed", mend)


def _relevant(ask: Ask, name: str) -> tuple[str, list[Any]]:
    """RFC 8659 §3: the first record set on the way up; the root is not asked."""
    labels = name.split(".")
    for start in range(len(labels)):
        place = ".".join(labels[start:])
        found = sorted(ask(place, "CAA").rdatas)
        if found:
            return place, found
    return ".".join(labels[-2:]), []


def _domain(value: bytes) -> str:
    """RFC 8659 §4.2: the issuer's domain in front of any parameters; "" lets nobody."""
    return value.partition(b";")[0].strip().decode("ascii", "replace").lower()
