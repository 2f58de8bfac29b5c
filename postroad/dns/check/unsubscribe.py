"""The name in unsubscribe links: receivers post to it, over TLS that they verify (RFC 8058 §3)."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.dns.check.mta_sts import Fetch, places
from postroad.dns.check.said import Ask
from postroad.dns.check.verdict import Fault


def answers(ask: Ask, fetch: Fetch, host: str, mend: str) -> Iterator[Fault]:
    """``host`` has an address, and serves a certificate of its name there.

    What it answers is the shop's own matter: without a link's own path there may be nothing.
    """
    found = places(ask, host)
    if not found:
        yield Fault("required", f"{host} has no address: nobody can unsubscribe", mend)
        return
    page = fetch(host, "/", found[0])
    if page.is_refused:
        reason = f"https://{host}/: {page.fault}: receivers do not post to it"
        yield Fault("required", reason, f"give its web server a certificate of {host}")
