"""The host name in List-Unsubscribe links (RFC 8058), which the shop's own web host answers."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.dns.record import Record
from postroad.settings.model import Estate


def records(estate: Estate) -> Iterator[Record]:
    """CNAME of the name in the links to the web host; an alias, so that the host may move."""
    if estate.unsubscribe is not None:
        yield Record(
            estate.unsubscribe.hostname,
            estate.record_ttl,
            "CNAME",
            f"{estate.unsubscribe.web_host}.",
            "the name in unsubscribe links, which receivers post to",
        )
