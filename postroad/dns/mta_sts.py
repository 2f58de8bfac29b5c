"""MTA-STS: what those who send to the envelope domains must demand of their MX (RFC 8461)."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from postroad.dns.record import Record
from postroad.dns.text import txt
from postroad.settings.model import Estate, MtaSts

# RFC 8461 §3.1: at most 32 letters and digits.
_ID_LENGTH = 32


def records(estate: Estate) -> Iterator[Record]:
    """The policy's announcement, and the way to its web host, of every envelope domain."""
    if estate.mta_sts is None:
        return
    announced = txt(f"v=STSv1; id={_policy_id(estate, estate.mta_sts)};")
    web_host = estate.mta_sts.web_host
    for stream in estate.streams:
        domain = stream.envelope_domain
        why = f"tells senders that {domain} has an MTA-STS policy, and when it has changed"
        yield Record(f"_mta-sts.{domain}", estate.record_ttl, "TXT", announced, why)
        host = policy_host(domain)
        # A web host that has this very name already has an address there.
        if host != web_host:
            why = f"{web_host} serves the MTA-STS policy of {domain}"
            yield Record(host, estate.record_ttl, "CNAME", f"{web_host}.", why)


def policy_host(domain: str) -> str:
    """The name that senders fetch the policy of ``domain`` from (RFC 8461 §3.3)."""
    return f"mta-sts.{domain}"


def policy_url(domain: str) -> str:
    """Where the policy of ``domain`` must be served, as text/plain (RFC 8461 §3.2)."""
    return f"https://{policy_host(domain)}/.well-known/mta-sts.txt"


def policy(estate: Estate, mta_sts: MtaSts) -> str:
    """The policy file (RFC 8461 §3.2), lines end in CRLF; every envelope domain has the same."""
    lines = (
        "version: STSv1",
        f"mode: {mta_sts.mode}",
        *(f"mx: {host.hostname}" for host in estate.inbound_hosts),
        f"max_age: {mta_sts.max_age}",
    )
    return "".join(f"{line}\r\n" for line in lines)


def _policy_id(estate: Estate, mta_sts: MtaSts) -> str:
    # Of the text alone: it changes when the policy does, and at no other time.
    return sha256(policy(estate, mta_sts).encode("ascii")).hexdigest()[:_ID_LENGTH]
