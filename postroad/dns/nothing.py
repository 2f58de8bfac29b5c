"""Null MX: names with addresses that mail neither leaves nor enters by (RFC 7505).

Mail to a name without MX goes to its address (RFC 5321 §5.1); where nothing listens on port 25,
senders try for days. A name that is said in HELO gets no null MX though nothing comes in there:
who sends under a name without a mailbox risks that the mail is refused (RFC 7505 §4.2).
"""

from __future__ import annotations

from collections.abc import Iterator

from postroad.dns.record import Record
from postroad.settings.model import Estate


def records(estate: Estate) -> Iterator[Record]:
    """Null MX of the own name of each host that takes no mail in and sends none by that name."""
    used = _with_mail(estate)
    for host in estate.hosts:
        if host.hostname not in used:
            yield Record(
                host.hostname,
                estate.record_ttl,
                "MX",
                "0 .",
                f"nothing takes mail for {host.hostname}; senders need not try",
            )


def _with_mail(estate: Estate) -> set[str]:
    """Names that mail comes to, or that it says it comes from."""
    addresses = (estate.admin.email, estate.dmarc.reports, estate.tls_reports, estate.system_sender)
    return {
        *estate.from_domains,
        *(stream.envelope_domain for stream in estate.streams),
        *(host.hostname for host in estate.inbound_hosts),
        *(way.helo for host in estate.hosts for way in host.ways_out),
        *(address.rpartition("@")[2].lower() for address in addresses if address is not None),
    }
