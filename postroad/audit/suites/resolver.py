"""The host asks its own resolver and no other, and that one validates."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.audit.audited import Audited
from postroad.audit.fault import Fault, refute

OWN = ("127.0.0.1",)


def foreign_servers(audited: Audited) -> Iterator[Fault]:
    """Name servers that resolv.conf(5) names besides our own."""
    found = audited.system.name_servers
    if found != OWN:
        yield Fault(
            f"the host asks {', '.join(found) or 'nobody'} for names, not {OWN[0]} alone",
            "answers are believed that nobody validated: DANE is void, and DNS lists refuse",
            audited.run,
        )


def blind_resolver(audited: Audited) -> Iterator[Fault]:
    """A resolver that is silent, or believes everything."""
    if audited.system.resolver_fault:
        yield Fault(
            f"the resolver on {OWN[0]}: {audited.system.resolver_fault}",
            "mail is deferred, or its way is chosen by answers that anybody could have forged",
            "systemctl restart unbound   (why: journalctl -u unbound; the clock; UDP and TCP 53 "
            "outward)",
        )


def test_the_host_asks_itself_only(audited: Audited) -> None:
    """By resolv.conf."""
    refute(foreign_servers(audited))


def test_answers_are_validated(audited: Audited) -> None:
    """The root's own records carry the AD bit (RFC 4035 3.2.3)."""
    refute(blind_resolver(audited))
