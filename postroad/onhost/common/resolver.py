"""The host's own resolver, whatever resolv.conf(5) says."""

from __future__ import annotations

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.resolver

RESOLVER = "127.0.0.1"
SECONDS = 5


def own_resolver() -> dns.resolver.Resolver:
    """dnspython's, which asks our own and no other."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [RESOLVER]
    return resolver


def resolver_fault() -> str:
    """Why it does not answer with validated data; empty where it does (RFC 4035 §3.2.3)."""
    question = dns.message.make_query(".", "NS", want_dnssec=True)
    try:
        answer, _ = dns.query.udp_with_fallback(question, RESOLVER, timeout=SECONDS)
    except (dns.exception.DNSException, OSError) as error:
        return f"it does not answer ({error})"
    if answer.rcode() != dns.rcode.NOERROR:
        return f"it answers {dns.rcode.to_text(answer.rcode())} for the root's name servers"
    return "" if answer.flags & dns.flags.AD else "its answers are not validated (no AD bit)"
