"""FCrDNS: the address has a name, and the name leads back to it (RFC 8601 §2.7.3)."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.dns.check.said import Ask, addresses, targets
from postroad.dns.check.verdict import Fault, Severity
from postroad.onhost.common.words import quoted
from postroad.settings.mail_hosts import is_private
from postroad.settings.model import Address

# Receivers look at the first few names of an address.
NAMES = 10


def both_ways(ask: Ask, address: Address, name: str, severity: Severity) -> Iterator[Fault]:
    """The PTR of ``address`` is ``name``, alone, and ``name`` leads back to it."""
    mend = f"at the hoster of {address}: set its PTR to {name}, and to nothing else"
    if is_private(address):
        # Nobody can set that for the internet, which sees another address.
        mend = f"{address} is private: have the hoster put a public address on the host itself"
    names = targets(ask(address.reverse_pointer, "PTR"))
    if not names:
        yield Fault(severity, f"{address} has no PTR record", mend)
        return
    if name not in names:
        shown = quoted(", ".join(names[:NAMES]))
        yield Fault(severity, f"the PTR of {address} is {shown}, not {name}", mend)
        return
    if len(names) > 1:
        reason = f"{address} has {len(names)} PTR records; receivers look at any one of them"
        yield Fault("recommended", reason, mend)
    yield from leads_to(ask, name, address, severity)


def leads_to(ask: Ask, name: str, address: Address, severity: Severity) -> Iterator[Fault]:
    """``name`` has ``address`` among its addresses."""
    kind = "A" if address.version == 4 else "AAAA"
    found = addresses(ask(name, kind))
    if address not in found:
        instead = ", ".join(map(str, sorted(found, key=int)[:NAMES]))
        yield Fault(
            severity,
            f"{name} does not lead to {address}"
            + (f" but to {instead}" if instead else f": it has no {kind} record"),
            f"publish {name}. {kind} {address}",
        )
