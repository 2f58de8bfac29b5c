"""What the names of the estate say of a run's host: its keys, and its certificate."""

from __future__ import annotations

from postroad.dns.dkim import LiveKey
from postroad.dns.tlsa import LiveCertificate
from postroad.mail.signing import live
from postroad.roles.run.site import Site


def live_keys(site: Site) -> tuple[LiveKey, ...]:
    """`postroad.mail.signing.live.live_keys` of the host."""
    return live.live_keys(site.estate, site.host, site.state())


def published_keys(site: Site) -> tuple[LiveKey, ...]:
    """`postroad.mail.signing.live.keys_to_publish` of the host."""
    return live.keys_to_publish(site.estate, site.host, site.state())


def withdrawn_keys(site: Site) -> tuple[LiveKey, ...]:
    """`postroad.mail.signing.live.keys_to_withdraw` of the host."""
    return live.keys_to_withdraw(site.estate, site.host, site.state())


def live_certificate(site: Site) -> LiveCertificate | None:
    """`postroad.mail.signing.live.live_certificate` of the host."""
    return live.live_certificate(site.host, site.state())
