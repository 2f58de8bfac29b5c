"""Proves that the resolver on this host answers and validates, before resolv.conf names it.

Asks 127.0.0.1 for the root's name servers until the answer is there and carries the AD bit
(RFC 4035 §3.2.3), for 20 seconds at the most. Silent when proved; otherwise says why on standard
error. A resolver that is switched to before it answers leaves the host without packages and names.
"""

from __future__ import annotations

import sys
import time

from postroad.onhost.common.resolver import RESOLVER, resolver_fault

USAGE = "usage: resolver-proof"
SECONDS = 20
HINT = "check the clock, the trust anchor, and that UDP and TCP 53 are open outward"


def main(arguments: list[str]) -> int:
    """The exit status: 0 proved, 1 not within the time, 2 a wrong call."""
    if arguments:
        print(USAGE, file=sys.stderr)
        return 2
    deadline = time.monotonic() + SECONDS
    while reason := resolver_fault():
        if time.monotonic() > deadline:
            said = f"the resolver on {RESOLVER} cannot be used yet: {reason}: {HINT}"
            print(said, file=sys.stderr)
            return 1
        time.sleep(0.2)
    return 0
