"""The edge: an estate as the world sees it, by its names and by what its hosts do with them.

Hosts tell what they alone know: the keys they sign with, the certificate they serve, what they make
of a probe message, and what DNS lists answer to their own resolver. The rest is asked from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

# First of all: it makes sockets cooperative, which must be before anything imports ssl.
import gevent  # type: ignore[import-untyped]
import pyinfra_cli  # type: ignore[import-untyped]  # noqa: F401
from pyinfra.api.exceptions import PyinfraError
from pyinfra.context import ctx_host

from postroad.audit import asking
from postroad.audit.evidence import Signed, signed
from postroad.dns.check import list_data, lists
from postroad.dns.check.checks import Facts, about_hosts, checks
from postroad.dns.check.list_data import DnsList
from postroad.dns.check.run import look
from postroad.dns.check.signature import Probe
from postroad.dns.check.verdict import Verdict
from postroad.dns.check.web import fetcher
from postroad.facts.probes import Probed
from postroad.facts.resolved import Resolved
from postroad.live import UNREACHABLE, Reached
from postroad.secrets import SecretError
from postroad.settings.model import AcmeTls, Estate
from postroad.site import Site

T = TypeVar("T")

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
    listed = _of_each(found, lambda site: _listings(site, known))
    return [*told, *(verdict for verdicts in listed for verdict in verdicts)]


def _of_each(found: Reached, ask: Callable[[Site], T]) -> list[T]:
    """What ``ask`` makes of every host, all of them side by side."""

    def within(site: Site) -> T | Exception:
        try:
            with ctx_host.use(site.pyhost):
                return ask(site)
        # Raised below: a greenlet that fails writes a traceback of its own.
        except Exception as error:
            return error

    asked = [gevent.spawn(within, site) for site in found.sites]
    gevent.joinall(asked)
    answers: list[T] = []
    for greenlet in asked:
        answer: T | Exception = greenlet.get()
        if isinstance(answer, Exception):
            raise answer
        answers.append(answer)
    return answers


def _private_root(found: Reached) -> str | None:
    """The root of the operator's own authority: its web host may have its certificate from there.

    The path, from where the inventory is.
    """
    tls = found.loaded.estate.tls
    if not isinstance(tls, AcmeTls) or tls.ca_file is None:
        return None
    return str((found.loaded.base / tls.ca_file).expanduser())


def _facts(found: Reached, heard: Heard) -> Facts:
    told = _of_each(found, lambda site: _told(site, heard.get(site.host.name)))
    facts = [one for one in told if isinstance(one, Facts)]
    silent = [(name, UNREACHABLE) for name in found.silent]
    silent += [one for one in told if not isinstance(one, Facts)]
    return Facts(
        keys=tuple(key for one in facts for key in one.keys),
        silent=tuple(silent),
        served=tuple(certificate for one in facts for certificate in one.served),
        probes=tuple(probe for one in facts for probe in one.probes),
    )


def _told(site: Site, heard: Sequence[Signed] | None) -> Facts | tuple[str, str]:
    """What one host knows; or its name, and why it does not tell."""
    try:
        # A revoked key's record says that it is void; there is no key to hold it against.
        keys = tuple(key for key in site.published_keys() if not key.revoked)
        certificate = site.live_certificate()
        probes = _probes(site, _probed(site) if heard is None else heard) if keys else ()
    except (PyinfraError, SecretError, OSError) as error:
        return site.host.name, f"it does not answer ({error})"
    return Facts(keys, (), (certificate,) if certificate else (), probes)


def _probed(site: Site) -> tuple[Signed, ...]:
    """What the signers of a host make of a probe for each sending domain and stream."""
    ours = _domains(site.estate)
    wanted = [
        probe
        for probe in asking.probes(site.estate, site.host, site.components())
        if _domain(probe["sender"]) in ours
    ]
    said = site.pyhost.get_fact(Probed, probes=wanted)
    return signed(said)


def _probes(site: Site, heard: Sequence[Signed]) -> tuple[Probe, ...]:
    """One for each sending domain and stream of the host; a signer's refusals are told as such."""
    ours = _domains(site.estate)
    return tuple(
        Probe(
            site.host.name,
            one.stream,
            _domain(one.sender),
            one.outcome,
            one.message.encode("utf-8"),
        )
        for one in heard
        if _domain(one.sender) in ours
    )


def _domains(estate: Estate) -> frozenset[str]:
    return frozenset(estate.from_domains)


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _listings(site: Site, known: Sequence[DnsList]) -> list[Verdict]:
    """What the DNS lists say of the addresses of one host, asked through its own resolver."""
    try:
        names = lists.questions(known, site.host)
        answers = site.pyhost.get_fact(Resolved, names=names)
    except (PyinfraError, OSError) as error:
        return [Verdict("DNS lists", site.host.name, "unknown", "required", str(error))]
    return list(lists.verdicts(known, site.host, answers))
