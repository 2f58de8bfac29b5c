"""TLSA: the key that an inbound host serves is one that DNS vouches for (RFC 7672, RFC 6698)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from postroad.dns.check.said import Ask
from postroad.dns.check.verdict import Fault

# DANE-EE, SubjectPublicKeyInfo, SHA-256 (RFC 7672 §3.1.1).
_PARAMETERS = (3, 1, 1)


def served(ask: Ask, host: str, spki_sha256: str) -> Iterator[Fault]:
    """The key's sha256 (hexadecimal) is among the TLSA records of port 25, or there are none.

    Without DNSSEC nobody looks at them (RFC 7672 §2.2), so there a wrong one does no harm yet.
    """
    place = f"_25._tcp.{host}"
    said = ask(place, "TLSA")
    found: list[Any] = sorted(said.rdatas)
    right = f"{place}. TLSA {' '.join(map(str, _PARAMETERS))} {spki_sha256}"
    if not found:
        if said.secure:
            reason = f"the zone of {host} is signed and has no TLSA record for port 25"
            yield Fault("recommended", reason, f"publish {right}")
        return
    ours = [one for one in found if (one.usage, one.selector, one.mtype) == _PARAMETERS]
    if not any(one.cert.hex() == spki_sha256.lower() for one in ours):
        reason = f"{host} serves a key that no TLSA record at {place} names (3 1 1)"
        follows = ": senders that verify do not deliver" if said.secure else ""
        severity = "required" if said.secure else "recommended"
        yield Fault(severity, reason + follows, f"publish {right}, in place of what is there")  # type: ignore[arg-type]
