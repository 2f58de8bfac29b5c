"""The edge: an estate as the world sees it, by its names and by what its hosts do with them.

Hosts tell what they alone know: the keys they sign with, the certificate they serve, what they make
of a probe message, and what DNS lists answer to their own resolver. The rest is asked from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

# First of all: it makes sockets cooperative, which must be before anything imports ssl.
import pyinfra_cli  # type: ignore[import-untyped]  # noqa: F401

from postroad.audit import asking, questions
from postroad.audit.evidence import Signed
from postroad.dns.check import list_data, lists
from postroad.dns.check.checks import Facts, about_hosts, checks
from postroad.dns.check.list_data import DnsList
from postroad.dns.check.run import look
from postroad.dns.check.signature import Probe
from postroad.dns.check.verdict import Verdict
from postroad.dns.check.web import fetcher
from postroad.roles.run import made, names, streams
from postroad.roles.run.ask import UnansweredError
from postroad.roles.run.live import Reached, of_each
from postroad.roles.run.site import Site
from postroad.settings.files import from_base
from postroad.settings.model import AcmeTls, Estate

# What the signers of each host have made of `postroad.audit.asking.probes`.
Heard = Mapping[str, Sequence[Signed]]
NOTHING: Heard = MappingProxyType({})


def verdicts(found: Reached, heard: Heard = NOTHING) -> list[Verdict]:
    """Every verdict on the estate; a host that does not answer costs only what it alone knows.

    Signers that were ``heard`` already are not asked again.

    ValueError where the data of the DNS lists is at fault, OSError where a file cannot be read.
    """
    known = list_data.read()
    estate = found.loaded.estate
    facts = _facts(found, heard)
    asked = [*about_hosts(facts.silent), *checks(estate, facts, fetcher(_private_root(found)))]
    told = look(asked, estate.dns.resolvers)
    answers = of_each(found.sites, lambda site: _listings(site, known))
    listed = (_unlisted(one) if isinstance(one, UnansweredError) else one for one in answers)
    return [*told, *(verdict for verdicts in listed for verdict in verdicts)]


def _private_root(found: Reached) -> str | None:
    """The root of the operator's own authority: its web host may have its certificate from there.

    The path, from where the inventory is.
    """
    tls = found.loaded.estate.tls
    if not isinstance(tls, AcmeTls) or tls.ca_file is None:
        return None
    return str(from_base(found.loaded.base, tls.ca_file))


def _facts(found: Reached, heard: Heard) -> Facts:
    told = of_each(found.sites, lambda site: _told(site, heard.get(site.host.name)))
    facts = [one for one in told if isinstance(one, Facts)]
    silent = (*found.silent, *(one for one in told if isinstance(one, UnansweredError)))
    return Facts(
        keys=tuple(key for one in facts for key in one.keys),
        silent=tuple((error.host, f"it does not answer ({error.reason})") for error in silent),
        served=tuple(certificate for one in facts for certificate in one.served),
        probes=tuple(probe for one in facts for probe in one.probes),
    )


def _told(site: Site, heard: Sequence[Signed] | None) -> Facts:
    """What one host knows."""
    # A revoked key's record says that it is void; there is no key to hold it against.
    keys = tuple(key for key in names.published_keys(site) if not key.revoked)
    certificate = names.live_certificate(site)
    probes = _probes(site, _probed(site) if heard is None else heard) if keys else ()
    return Facts(keys, (), (certificate,) if certificate else (), probes)


def _probed(site: Site) -> tuple[Signed, ...]:
    """What the signers of a host make of a probe for each sending domain and stream."""
    ours = _domains(site.estate)
    wanted = [
        probe
        for probe in asking.probes(site.estate, site.host, made.components(site))
        if _domain(probe["sender"]) in ours
    ]
    return site.ask(questions.signed(wanted))


def _probes(site: Site, heard: Sequence[Signed]) -> tuple[Probe, ...]:
    """One for each sending domain and stream of the host; a signer's refusals are told as such."""
    ours = _domains(site.estate)
    return tuple(
        Probe(
            site.host.name,
            one.stream,
            _domain(one.sender),
            "waits until a run has seen its key" if _waits(site, one) else one.outcome,
            one.message.encode("utf-8"),
        )
        for one in heard
        if _domain(one.sender) in ours
    )


def _waits(site: Site, one: Signed) -> bool:
    """Whether the signer has no key for the domain because the host has not seen its record."""
    of = (stream for stream in site.host.streams if stream == one.stream)
    return any(_domain(one.sender) in streams.standing(site, stream).waiting for stream in of)


def _domains(estate: Estate) -> frozenset[str]:
    return frozenset(estate.from_domains)


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _listings(site: Site, known: Sequence[DnsList]) -> list[Verdict]:
    """What the DNS lists say of the addresses of one host, asked through its own resolver."""
    answers = site.ask(questions.resolved(lists.questions(known, site.host)))
    return list(lists.verdicts(known, site.host, answers))


def _unlisted(error: UnansweredError) -> list[Verdict]:
    return [Verdict("DNS lists", error.host, "unknown", "required", error.reason)]
