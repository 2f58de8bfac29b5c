"""What an ACME certificate must be like on a host, and how certbot(1) must renew it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from postroad.host.found import CertificateState
from postroad.mail.parts.manifest import RFC2136_ROW
from postroad.settings.model import AcmeTls, Dns01, Host


def certificate_faults(
    tls: AcmeTls, server: Host, found: CertificateState | None
) -> tuple[str, ...]:
    """Why the certificate that was ``found`` will not do; to renew it in time is the timer's."""
    if found is None:
        return ("certificate",)
    if found.seconds_left <= 0:
        return ("certificate has expired",)
    if found.key_fault:
        return (f"certificate's key {found.key_fault}",)
    lacking = [name for name in server.certificate_names if name not in found.names]
    if lacking:
        return (f"certificate lacks {', '.join(lacking)}",)
    return tuple(renewal_faults(tls, found))


def renewal_faults(tls: AcmeTls, found: CertificateState) -> Iterator[str]:
    """How certbot will renew the certificate otherwise than declared.

    It renews in the way in which it got the certificate, whatever is declared since.
    """
    if not found.renewal:
        yield "certificate is not renewed by certbot"
        return
    for key, value in wanted_renewal(tls).items():
        if (now := found.renewal.get(key, "unset")) != value:
            yield f"certificate is renewed with {key} {now}, not {value}"


def wanted_renewal(tls: AcmeTls) -> Mapping[str, str]:
    """What certbot must remember: some of `postroad.host.found.RENEWAL`."""
    wanted = {"server": tls.directory, "authenticator": "standalone", "reuse_key": "True"}
    if isinstance(tls.challenge, Dns01):
        wanted |= {
            "authenticator": "dns-rfc2136",
            "dns_rfc2136_credentials": RFC2136_ROW.path,
            "dns_rfc2136_propagation_seconds": str(tls.challenge.propagation),
        }
    return wanted
