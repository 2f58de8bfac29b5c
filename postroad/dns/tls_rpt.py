"""TLS-RPT: where senders report that TLS to the envelope domains failed (RFC 8460)."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.dns.mailto import mailto
from postroad.dns.record import Record
from postroad.dns.text import txt
from postroad.settings.model import Estate


def records(estate: Estate) -> Iterator[Record]:
    """The report address of every envelope domain (RFC 8460 §3)."""
    if estate.tls_reports is None:
        return
    for stream in estate.streams:
        yield Record(
            f"_smtp._tls.{stream.envelope_domain}",
            estate.record_ttl,
            "TXT",
            txt(f"v=TLSRPTv1; rua={mailto(estate.tls_reports)}"),
            f"reports about TLS to {stream.envelope_domain} come daily",
        )
