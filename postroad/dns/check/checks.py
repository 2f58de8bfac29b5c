"""Every check of an estate's names, from the model and the keys its hosts sign with. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from postroad.dns import dkim as dkim_records
from postroad.dns.check import (
    addresses,
    caa,
    dkim,
    dmarc,
    fcrdns,
    mta_sts,
    mx,
    signature,
    spf,
    tls_rpt,
    tlsa,
    unsubscribe,
)
from postroad.dns.check.mends import publish
from postroad.dns.check.mta_sts import Fetch
from postroad.dns.check.said import Ask, UnansweredError
from postroad.dns.check.signature import Probe
from postroad.dns.check.spf import Identity
from postroad.dns.check.verdict import Check, Fault
from postroad.dns.dkim import LiveKey, without_key
from postroad.dns.record import Record
from postroad.dns.records import LiveCertificate, derive
from postroad.dns.text import txt
from postroad.settings.model import AcmeTls, Address, Estate, Host


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the hosts: the keys they sign with, and why a host gave no answer.

    ``served`` are the certificates that they serve, ``probes`` what their signers signed.
    """

    keys: tuple[LiveKey, ...]
    silent: tuple[tuple[str, str], ...]
    served: tuple[LiveCertificate, ...] = ()
    probes: tuple[Probe, ...] = ()


def checks(estate: Estate, facts: Facts, fetch: Fetch) -> tuple[Check, ...]:
    """All of them, host by host and domain by domain; ``fetch`` gets pages of web hosts."""
    records = derive(estate, (), facts.served)
    return (
        *_addresses(estate),
        *_pointers(estate),
        *_spf(estate, records),
        *_spf_of_nobody(records),
        *_mx(estate, records),
        *_null_mx(records),
        *_dkim(estate, facts),
        *_signatures(facts),
        *_dmarc(estate, records),
        *_mta_sts(estate, records, fetch),
        *_tls_reports(estate, records),
        *_tlsa(estate, facts),
        *_caa(estate),
        *_unsubscribe(estate, records, fetch),
    )


def _addresses(estate: Estate) -> Iterator[Check]:
    for name, declared in _names(estate).items():
        places = " and ".join(map(str, declared))
        judge = partial(addresses.exactly, name=name, declared=declared)
        yield Check("addresses", name, "required", f"{name} leads to {places}", judge)


def _names(estate: Estate) -> dict[str, tuple[Address, ...]]:
    """Every name of a host with all the addresses that are declared for it."""
    names: dict[str, list[Address]] = {}
    for host in estate.hosts:
        names.setdefault(host.hostname, []).extend(host.addresses)
        for way in host.ways_out:
            names.setdefault(way.helo, []).extend(way.addresses)
    return {name: tuple(dict.fromkeys(places)) for name, places in names.items()}


def _pointers(estate: Estate) -> Iterator[Check]:
    for host in estate.hosts:
        sending = {address: way.helo for way in host.ways_out for address in way.addresses}
        for address, name in sending.items():
            judge = partial(fcrdns.both_ways, address=address, name=name, severity="required")
            yield Check(
                f"FCrDNS of {address}", name, "required", f"{address} is {name} both ways", judge
            )
        for address in host.addresses:
            if address not in sending:
                yield _quiet_pointer(host, address)


def _quiet_pointer(host: Host, address: Address) -> Check:
    """No mail leaves from this address, so no receiver looks at its name."""
    name = host.hostname
    judge = partial(fcrdns.both_ways, address=address, name=name, severity="recommended")
    fine = f"{address} is {name} both ways"
    return Check(f"FCrDNS of {address}", name, "recommended", fine, judge)


def _spf(estate: Estate, records: tuple[Record, ...]) -> Iterator[Check]:
    for identity, sources in _identities(estate, records).items():
        which = "MAIL FROM" if identity.sender else "HELO"
        for address in sources:
            judge = partial(spf.source, identity=identity, address=address)
            fine = f"{identity.who} passes SPF for {address}"
            yield Check(f"SPF of {which} from {address}", identity.domain, "required", fine, judge)
    for identity, sources in _each_record(estate, records):
        judge = partial(spf.record, identity=identity, sources=sources)
        fine = f"{identity.domain} lets nobody else pass"
        yield Check("SPF record", identity.domain, "required", fine, judge)


def _spf_of_nobody(records: tuple[Record, ...]) -> Iterator[Check]:
    for record in records:
        if (record.type, record.data) == ("TXT", txt("v=spf1 -all")):
            name = record.owner
            mend = publish(records, name, "TXT", record.data)
            judge = partial(spf.nobody, identity=Identity(name, "", name, mend))
            fine = f"nobody passes SPF as {name}, which sends nothing"
            yield Check("SPF of nobody", name, "recommended", fine, judge)


def _each_record(
    estate: Estate, records: tuple[Record, ...]
) -> Iterator[tuple[Identity, tuple[Address, ...]]]:
    """Each name with an SPF record once, also where it is said in HELO and in MAIL FROM."""
    identities = _identities(estate, records)
    for domain in dict.fromkeys(identity.domain for identity in identities):
        uses = [(one, sources) for one, sources in identities.items() if one.domain == domain]
        yield uses[0][0], tuple(dict.fromkeys(a for _, sources in uses for a in sources))


def _identities(estate: Estate, records: tuple[Record, ...]) -> dict[Identity, tuple[Address, ...]]:
    """Who a receiver may check, and from which addresses each of them sends."""
    found: dict[Identity, list[Address]] = {}
    for host in estate.hosts:
        for stream, way in estate.streams_of(host):
            for domain, sender in (
                (way.helo, ""),
                (stream.envelope_domain, stream.bounce_address),
            ):
                mend = publish(records, domain, "TXT", '"v=spf1')
                # The HELO name of MAIL FROM matters to macros alone: one of them will do.
                helo = way.helo if not sender else estate.hosts[0].hostname
                found.setdefault(Identity(domain, sender, helo, mend), []).extend(way.addresses)
    return {identity: tuple(dict.fromkeys(places)) for identity, places in found.items()}


def _mx(estate: Estate, records: tuple[Record, ...]) -> Iterator[Check]:
    inbound = {host.hostname: frozenset(host.addresses) for host in estate.inbound_hosts}
    for domain in _envelope_domains(estate):
        if inbound:
            mend = publish(records, domain, "MX")
            judge = partial(mx.comes_back, domain=domain, inbound=inbound, mend=mend)
            yield Check("MX", domain, "required", f"bounces of {domain} come back", judge)


def _null_mx(records: tuple[Record, ...]) -> Iterator[Check]:
    for record in records:
        if (record.type, record.data) == ("MX", "0 ."):
            host = record.owner
            mend = publish(records, host, "MX")
            judge = partial(mx.takes_nothing, host=host, mend=mend)
            yield Check("null MX", host, "recommended", f"{host} says that it takes no mail", judge)


def _dkim(estate: Estate, facts: Facts) -> Iterator[Check]:
    for key in facts.keys:
        mend = publish(dkim_records.records(estate, [key]), key.owner, "TXT")
        judge = partial(dkim.key, live=key, mend=mend)
        fine = f"{key.owner} is the key that {key.host} signs with"
        yield Check(f"DKIM of {key.host}, {key.stream}", key.domain, "required", fine, judge)
    silent = dict(facts.silent)
    for host, stream, domain in without_key(estate, facts.keys):
        judge = partial(_keyless, host=host, why=silent.get(host, ""))
        yield Check(f"DKIM of {host}, {stream}", domain, "required", "", judge)


def _signatures(facts: Facts) -> Iterator[Check]:
    for probe in facts.probes:
        judge = partial(signature.verifies, probe=probe)
        fine = f"what {probe.host} signs for {probe.domain} verifies"
        check = f"DKIM signature of {probe.host}, {probe.stream}"
        yield Check(check, probe.domain, "required", fine, judge)


def _keyless(ask: Ask, host: str, why: str) -> Iterator[Fault]:
    if why:
        raise UnansweredError(f"{host} does not say which key it signs with: {why}")
    reason = f"{host} has no DKIM key for this domain yet"
    yield Fault("required", reason, "run the deploy, publish the key, then ask again")


def _dmarc(estate: Estate, records: tuple[Record, ...]) -> Iterator[Check]:
    for domain in estate.from_domains:
        expected = dmarc.Expected(
            domain=domain,
            policy=estate.dmarc.policy_of(domain),
            reports=estate.dmarc.reports,
            envelope_domains=_envelopes(estate, domain),
            mend=publish(records, f"_dmarc.{domain}", "TXT"),
        )
        fine = f"receivers find the policy of {domain}, {expected.policy} or stricter"
        judge = partial(dmarc.policy, expected=expected)
        yield Check("DMARC policy", domain, "required", fine, judge)
        fine = f"reports about {domain} reach {expected.reports}"
        yield Check(
            "DMARC reports", domain, "recommended", fine, partial(dmarc.reports, expected=expected)
        )


def _envelopes(estate: Estate, domain: str) -> tuple[str, ...]:
    found = (stream.envelope_domain for stream in estate.streams if domain in stream.from_domains)
    return tuple(dict.fromkeys(found))


def _envelope_domains(estate: Estate) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stream.envelope_domain for stream in estate.streams))


def _mta_sts(estate: Estate, records: tuple[Record, ...], fetch: Fetch) -> Iterator[Check]:
    declared = estate.mta_sts
    if declared is None:
        return
    for domain in _envelope_domains(estate):
        mend = publish(records, f"_mta-sts.{domain}", "TXT")
        judge = partial(mta_sts.record, domain=domain, mend=mend)
        fine = f"senders to {domain} know that it has a policy"
        yield Check("MTA-STS record", domain, "required", fine, judge)
        served = partial(mta_sts.policy, fetch=fetch, domain=domain, declared=declared)
        fine = f"the policy of {domain} is served, and true of its MX"
        yield Check("MTA-STS policy", domain, "required", fine, served)


def _tls_reports(estate: Estate, records: tuple[Record, ...]) -> Iterator[Check]:
    reports = estate.tls_reports
    if reports is None:
        return
    for domain in _envelope_domains(estate):
        mend = publish(records, f"_smtp._tls.{domain}", "TXT")
        judge = partial(tls_rpt.record, domain=domain, reports=reports, mend=mend)
        fine = f"senders to {domain} report to {reports}"
        yield Check("TLS reports", domain, "recommended", fine, judge)


def _tlsa(estate: Estate, facts: Facts) -> Iterator[Check]:
    served = {certificate.host: certificate.spki_sha256 for certificate in facts.served}
    for host in estate.inbound_hosts:
        if host.name in served:
            name, digest = host.hostname, served[host.name]
            judge = partial(tlsa.served, host=name, spki_sha256=digest)
            fine = f"no TLSA record contradicts the key that {name} serves"
            yield Check("TLSA", name, "required", fine, judge)


def _caa(estate: Estate) -> Iterator[Check]:
    if not isinstance(estate.tls, AcmeTls) or estate.tls.caa is None:
        return
    names = (name for host in estate.hosts for name in host.certificate_names)
    for name in dict.fromkeys(names):
        judge = partial(caa.issuer, name=name, authority=estate.tls.caa)
        fine = f"{estate.tls.caa} may issue certificates for {name}"
        yield Check("CAA", name, "required", fine, judge)


def _unsubscribe(estate: Estate, records: tuple[Record, ...], fetch: Fetch) -> Iterator[Check]:
    if estate.unsubscribe is None:
        return
    host = estate.unsubscribe.hostname
    mend = publish(records, host, "CNAME")
    judge = partial(unsubscribe.answers, fetch=fetch, host=host, mend=mend)
    fine = f"{host} answers those who unsubscribe"
    yield Check("unsubscribe links", host, "required", fine, judge)


def about_hosts(silent: Iterable[tuple[str, str]]) -> Iterator[Check]:
    """A check for each host that did not answer: what it alone knows is unknown."""
    for host, why in silent:
        judge = partial(_silence, why=why)
        yield Check("connection", host, "required", "", judge)


def _silence(ask: Ask, why: str) -> Iterator[Fault]:
    raise UnansweredError(why)
