"""TLSA: the key that senders may expect of an inbound host (RFC 7672, RFC 6698).

Derived whether or not the zone is signed, which the model does not know: without DNSSEC nobody
looks at TLSA records (RFC 7672 §2.2), so there they do nothing. With it they bind: a host that
serves another key gets no mail from those who verify. Certificates are therefore renewed with the
key that they have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from postroad.dns.record import Record
from postroad.settings.model import Estate, NoTls

# RFC 7672 §3.1.1: DANE-EE(3), SubjectPublicKeyInfo(1), SHA-256(1). Names and dates of the
# certificate do not count, so that a renewal with the same key needs no change here.
_PARAMETERS = "3 1 1"


@dataclass(frozen=True, slots=True)
class LiveCertificate:
    """The certificate that a host serves: sha256 (hexadecimal) of its SubjectPublicKeyInfo."""

    host: str
    spki_sha256: str


def records(estate: Estate, certificates: Iterable[LiveCertificate]) -> Iterator[Record]:
    """The TLSA record of every inbound host that serves a certificate on port 25."""
    served = {certificate.host: certificate.spki_sha256 for certificate in certificates}
    for host in estate.inbound_hosts:
        if host.name in served:
            yield Record(
                f"_25._tcp.{host.hostname}",
                estate.record_ttl,
                "TLSA",
                f"{_PARAMETERS} {served[host.name]}",
                f"key of the certificate that {host.name} serves; counts where DNSSEC signs the "
                "zone, and does nothing elsewhere",
            )


def without_certificate(estate: Estate, certificates: Iterable[LiveCertificate]) -> tuple[str, ...]:
    """Each inbound host that is to have a certificate and serves none yet."""
    if isinstance(estate.tls, NoTls):
        return ()
    served = {certificate.host for certificate in certificates}
    return tuple(host.name for host in estate.inbound_hosts if host.name not in served)
