#!/usr/bin/python3
"""Proves that the resolver on this host answers and validates, before resolv.conf names it.

Asks 127.0.0.1 for the root's name servers until the answer is there and carries the AD bit
(RFC 4035 3.2.3), for 20 seconds at the most. Silent when proved; otherwise says why on standard
error. A resolver that is switched to before it answers leaves the host without packages and names.
"""

import sys
import time

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode

RESOLVER = "127.0.0.1"
SECONDS = 20
ANCHOR_HINT = "check the clock, the trust anchor, and that UDP and TCP 53 are open outward"


def fault() -> str:
    """What is wrong with one answer; empty when it validates."""
    question = dns.message.make_query(".", "NS", want_dnssec=True)
    try:
        answer, _ = dns.query.udp_with_fallback(question, RESOLVER, timeout=5)
    except (dns.exception.DNSException, OSError) as error:
        return f"no answer ({error})"
    if answer.rcode() != dns.rcode.NOERROR:
        return f"it answers {dns.rcode.to_text(answer.rcode())}: {ANCHOR_HINT}"
    if not answer.flags & dns.flags.AD:
        return f"its answer is not validated: {ANCHOR_HINT}"
    return ""


def main() -> int:
    """The exit status: 0 proved, 1 not within the time."""
    deadline = time.monotonic() + SECONDS
    while reason := fault():
        if time.monotonic() > deadline:
            sys.stderr.write(f"the resolver on {RESOLVER} cannot be used yet: {reason}\n")
            return 1
        time.sleep(0.2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
