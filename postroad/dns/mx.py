"""MX: where bounces go (RFC 5321 §5.1)."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.dns.record import Record
from postroad.settings.model import Estate

# Every inbound host is as good as the next, so all share one preference.
PREFERENCE = 10


def records(estate: Estate) -> Iterator[Record]:
    """MX of every envelope domain to every inbound host; none where no host takes mail in."""
    for stream in estate.streams:
        for host in estate.inbound_hosts:
            yield Record(
                stream.envelope_domain,
                estate.record_ttl,
                "MX",
                f"{PREFERENCE} {host.hostname}.",
                f"bounces of {stream.name} mail come back to {host.name}",
            )
