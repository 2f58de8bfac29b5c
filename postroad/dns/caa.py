"""CAA: which authority may issue certificates for the hosts' names (RFC 8659).

The records stand at the very names that the certificates hold. An authority takes the first CAA
records on the way up from a name (§3), so at ``shop.example`` they would forbid the shop's other
certificates, and at ``mail1.shop.example`` they govern nothing else. There is no ``iodef`` (§4.4):
authorities need not act on it, few do, and the address would be public.
"""

from __future__ import annotations

from collections.abc import Iterator

from postroad.dns.mta_sts import policy_host
from postroad.dns.names import is_within
from postroad.dns.record import Record
from postroad.settings.model import AcmeTls, Estate


def records(estate: Estate) -> Iterator[Record]:
    """CAA of every name that an ACME authority certifies for a host.

    None where the certificate is supplied: only the operator knows who issues it. None at a name
    that is, or is above, one that others have certificates for.
    """
    if not isinstance(estate.tls, AcmeTls) or estate.tls.caa is None:
        return
    authority = estate.tls.caa
    others = _certified_elsewhere(estate)
    for host in estate.hosts:
        for name in host.certificate_names:
            if not any(is_within(other, name) for other in others):
                yield Record(
                    name,
                    estate.record_ttl,
                    "CAA",
                    f'0 issue "{authority}"',
                    f"no authority but {authority} may issue certificates for {name}",
                )


def _certified_elsewhere(estate: Estate) -> tuple[str, ...]:
    """Names that the shop's web hosts may have certificates for, from whomever they like."""
    names = [*estate.from_domains]
    names += [policy_host(stream.envelope_domain) for stream in estate.streams]
    if estate.mta_sts is not None:
        names.append(estate.mta_sts.web_host)
    if estate.unsubscribe is not None:
        names += [estate.unsubscribe.hostname, estate.unsubscribe.web_host]
    return tuple(names)
