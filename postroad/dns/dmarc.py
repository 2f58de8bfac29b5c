"""DMARC: what a receiver does with unaligned mail, and where it reports (RFC 9989, RFC 9990)."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.dns.mailto import mailto
from postroad.dns.names import is_within
from postroad.dns.record import Record
from postroad.dns.text import txt
from postroad.settings.model import Estate


def records(estate: Estate) -> Iterator[Record]:
    """The policy of every sending domain, and the report authorisations that are ours to give.

    Every sending domain gets a record of its own, so that receivers that walk the tree and
    receivers that use the Public Suffix List agree (RFC 9989 appendix C.3).
    """
    for domain in estate.from_domains:
        why = f"policy for mail that says From: {domain} and is not aligned; reports come daily"
        policy = txt(_policy(estate, domain))
        yield Record(f"_dmarc.{domain}", estate.record_ttl, "TXT", policy, why)
    if _is_ours(estate, _report_domain(estate)):
        yield from _authorisations(estate)


def authorisations_by_others(estate: Estate) -> tuple[Record, ...]:
    """The authorisations that the owner of the report address's domain has to publish.

    Empty where that domain is the estate's own. Without them receivers must not send the reports
    (RFC 9990, "Verifying External Destinations").
    """
    if _is_ours(estate, _report_domain(estate)):
        return ()
    return tuple(_authorisations(estate))


def _policy(estate: Estate, domain: str) -> str:
    # sp and np are spelt out: sub-domains, real or made up, are never easier to forge (§4.7).
    # A sending domain below another one has a record of its own, which alone counts there.
    policy = estate.dmarc.policy_of(domain)
    reports = mailto(estate.dmarc.reports)
    return f"v=DMARC1; p={policy}; sp={policy}; np={policy}; rua={reports}"


def _authorisations(estate: Estate) -> Iterator[Record]:
    receiver = _report_domain(estate)
    for domain in estate.from_domains:
        if _organizational_domain(estate, domain) != _organizational_domain(estate, receiver):
            why = f"lets reports about {domain} go to {estate.dmarc.reports}"
            owner = f"{domain}._report._dmarc.{receiver}"
            yield Record(owner, estate.record_ttl, "TXT", txt("v=DMARC1"), why)


def _report_domain(estate: Estate) -> str:
    return estate.dmarc.reports.rpartition("@")[2].lower()


def _is_ours(estate: Estate, name: str) -> bool:
    """Whether ``name`` is, or is below, a domain that the estate sends with."""
    ours = (*estate.from_domains, *(stream.envelope_domain for stream in estate.streams))
    return any(is_within(name, domain) for domain in ours)


def _organizational_domain(estate: Estate, name: str) -> str:
    """The highest name with a DMARC record of ours on the way up, else the name (RFC 9989 §4.10.2).

    Whether there are others' records above takes a look at DNS. Without one, a domain is no part of
    its parent's organization; an authorisation does no harm where it was not needed.
    """
    above = [domain for domain in estate.from_domains if is_within(name, domain)]
    return min(above, key=len, default=name)
