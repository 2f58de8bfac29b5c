"""A and AAAA of the names of hosts: theirs, all of theirs, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from postroad.dns.check.fcrdns import leads_to
from postroad.dns.check.said import Ask, addresses
from postroad.dns.check.verdict import Fault
from postroad.settings.model import Address


def exactly(ask: Ask, name: str, declared: Iterable[Address]) -> Iterator[Fault]:
    """``name`` leads to the declared addresses, in both families, and nowhere else."""
    own = set(declared)
    for address in sorted(own, key=lambda a: (a.version, int(a))):
        yield from leads_to(ask, name, address, "required")
    for kind in ("A", "AAAA"):
        said = ask(name, kind)
        for other in sorted(addresses(said) - own, key=int):
            yield Fault(
                "recommended",
                f"{name} leads to {other} too, which is not declared",
                f"remove {name}. {kind} {other}, or declare the address",
            )
        if said.aliased:
            # RFC 2181 §10.3, RFC 5321 §2.3.5: names in MX and HELO are no aliases.
            mend = f"publish its addresses at {name} itself, in place of the CNAME"
            yield Fault("recommended", f"{name} is a CNAME ({kind})", mend)
