"""MX: bounces must come back to hosts that take them (RFC 5321 §5.1, RFC 7505)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from postroad.dns.check.said import Ask, addresses, exchanges
from postroad.dns.check.verdict import Fault
from postroad.onhost.common.words import quoted
from postroad.settings.model import Address

# RFC 5321 leaves the number open; receivers try a few.
EXCHANGES = 10


def comes_back(
    ask: Ask, domain: str, inbound: Mapping[str, frozenset[Address]], mend: str
) -> Iterator[Fault]:
    """Every MX of ``domain`` is one of the ``inbound`` hosts (name: its addresses)."""
    found = exchanges(ask(domain, "MX"))
    if not found:
        reason = f"{domain} has no MX record: its bounces are lost"
        yield Fault("required", reason, mend)
        return
    names = [name for _, name in found[:EXCHANGES]]
    if "." in names:
        reason = f"{domain} says that it takes no mail (null MX, RFC 7505): its bounces are lost"
        yield Fault("required", reason, f"{mend}, in place of the null MX")
        return
    for name in names:
        yield from _exchange(ask, domain, name, inbound, mend)


def takes_nothing(ask: Ask, host: str, mend: str) -> Iterator[Fault]:
    """``host`` says by a null MX that nothing listens there (RFC 7505)."""
    names = [name for _, name in exchanges(ask(host, "MX"))]
    if names != ["."]:
        found = f"has the MX {quoted(', '.join(names[:EXCHANGES]))}" if names else "has no MX"
        reason = f"{host} takes no mail and {found}: senders try for days"
        yield Fault("recommended", reason, mend)


def _exchange(
    ask: Ask, domain: str, name: str, inbound: Mapping[str, frozenset[Address]], mend: str
) -> Iterator[Fault]:
    ours = frozenset[Address]().union(*inbound.values())
    said = [ask(name, kind) for kind in ("A", "AAAA")]
    found = set().union(*(addresses(one) for one in said))
    if not found:
        reason = f"the MX of {domain}, {quoted(name)}, has no address"
        yield Fault("required", reason, f"{mend}; publish the addresses of {name}")
    elif not found & ours:
        reason = f"the MX of {domain} is {quoted(name)}, which is no inbound host of the estate"
        yield Fault("required", reason, f"{mend}, in place of {name}")
    if any(one.aliased for one in said):
        reason = f"the MX of {domain}, {quoted(name)}, is a CNAME (RFC 2181 §10.3)"
        yield Fault("recommended", reason, f"name the host itself in the MX: {mend}")
