"""Whether names are resolved by what a resolv.conf(5) names: says so by its exit status alone.

Argument: the file. Our own resolver is not asked: it is asked for before that one goes.
"""

from __future__ import annotations

import dns.exception
import dns.resolver

SECONDS = 10


def main(arguments: list[str]) -> int:
    """0 where the root's name servers were found, 1 where not."""
    (path,) = arguments
    try:
        # dnspython reads the file as the C library does.
        there = dns.resolver.Resolver(path)
        there.nameservers = [s for s in there.nameservers if s not in ("127.0.0.1", "::1")]
        there.lifetime = SECONDS
        there.resolve(".", "NS")
    except (dns.exception.DNSException, OSError, ValueError):
        return 1
    return 0
