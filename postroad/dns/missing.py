"""What cannot be derived yet, because no host has it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from postroad.dns.dkim import LiveKey, without_key
from postroad.dns.tlsa import LiveCertificate, without_certificate
from postroad.settings.model import Estate


def missing(
    estate: Estate, keys: Iterable[LiveKey], certificates: Iterable[LiveCertificate]
) -> Iterator[str]:
    """A sentence for each record that waits for a host's key or certificate."""
    for host, stream, domain in without_key(estate, keys):
        yield (
            f"Incomplete: {host} has no DKIM key for {stream} mail of {domain} yet. "
            "Run the deploy, then ask again."
        )
    for host in without_certificate(estate, certificates):
        yield (
            f"Incomplete: {host} serves no certificate yet, so it has no TLSA record. "
            "Run the deploy, then ask again."
        )


def not_asked(estate: Estate, asked: Container[str]) -> str:
    """What to say of records that were derived without some hosts; empty where all are known.

    Without it, a list of what to publish would read as a list of all that there is.
    """
    absent = ", ".join(host.name for host in estate.hosts if host.name not in asked)
    if not absent:
        return ""
    return (
        f"Incomplete: {absent} could not be asked, or is not in this run. What it has of "
        "DKIM keys and certificates is not known and not listed: leave published what is published."
    )
