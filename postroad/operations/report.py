"""The last words of a run: what the operator has to publish before a stream opens.

Of a lone box, which publishes nothing: how it is used, and what was waived.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.context import ctx_host

from postroad import lone
from postroad.dns.records import derive
from postroad.dns.work_order import work_order
from postroad.leaving import draining
from postroad.live import live_certificates, live_keys
from postroad.operations.own import operation
from postroad.settings.model import NoTls, StreamName
from postroad.site import Site, Sites
from postroad.terminal import line, warn

NO_CERTIFICATE = "there is no certificate yet"


def shut(site: Site) -> Iterator[str]:
    """What keeps the host of ``site`` from taking mail, a sentence each."""
    name = site.host.name
    if site.state().certificate is None:
        yield f"Submission is closed on {name}: {_no_certificate(site)}."
    elif lacking := _lacking(site):
        yield (
            f"The certificate on {name} has no {' and no '.join(lacking)} yet: applications submit "
            f"by its other names until then{_said(site)}."
        )
    for stream in site.host.streams:
        if reason := site.closed_because(stream):
            yield f"The {stream} stream is closed on {name}: {reason}."
            continue
        now = site.standing(stream)
        for domain, reason in now.waiting.items():
            yield f"{stream} mail From: {domain} waits on {name}: {reason}."
        for what, reason in now.unused.items():
            yield f"The {stream} stream does not use {what} yet on {name}: {reason}."
    yield from (f"{name}: {sentence}." for sentence in draining(site.state().leaving))


def waits_for_records(site: Site, stream: StreamName) -> bool:
    """Whether it is the world that keeps ``stream`` closed, or a part of it, and no operator."""
    now = site.standing(stream)
    waits = now.closed or now.waiting or now.unused
    return bool(waits and not site.pause_of(stream) and not site.estate.lone)


def _no_certificate(site: Site) -> str:
    if isinstance(site.estate.tls, NoTls):
        return 'tls.source is "none"'
    return f"{NO_CERTIFICATE}{_said(site)}"


def _said(site: Site) -> str:
    said = line(site.state().certificate_fault.rstrip("."))
    return f"; the authority says: {said}" if said else ""


def _lacking(site: Site) -> list[str]:
    """The names that clients may connect to, and that the certificate does not have."""
    found = site.state().certificate
    names = site.host.certificate_names
    return [name for name in names if found is not None and name not in found.names]


def last_words(sites: tuple[Site, ...]) -> str:
    """What keeps the run's hosts from sending, and what to publish; empty where nothing does."""
    sentences: list[str] = []
    waits = False
    for site in sites:
        with ctx_host.use(site.pyhost):
            if site.estate.lone:
                sentences += lone.told(site.estate, site.host)
            sentences += shut(site)
            waits = waits or any(waits_for_records(site, stream) for stream in site.host.streams)
    if not waits:
        return "\n".join(sentences)
    estate = sites[0].estate
    asked = list(sites)
    records = derive(estate, live_keys(asked), live_certificates(asked))
    return "\n".join(
        [
            *sentences,
            "Publish these records, then run again; a stream opens when its host sees them.",
            "",
            work_order(estate, records, ()),
        ]
    )


@operation()
def report(site: Site, sites: Sites) -> Generator[StringCommand]:
    """Say it when everything else is done. It changes nothing, so it is never a change."""
    yield from ()
    if not host.state.is_executing:
        return
    together = sites.beside(site)
    # The first host speaks for all of them.
    if site is together[0] and (words := last_words(together)):
        warn(words)
