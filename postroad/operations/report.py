"""The last words of a run: what the operator has to publish before a stream opens.

Of a lone box, which publishes nothing: how it is used, and what was waived.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.context import ctx_host

from postroad import lone, return_paths
from postroad.dns.records import derive
from postroad.dns.work_order import work_order
from postroad.leaving import draining
from postroad.live import given_up, live_certificates, live_keys
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
    for stream in site.host.streams:
        if reason := site.closed_because(stream):
            yield f"The {stream} stream is closed on {name}: {reason}."
    yield from (f"{name}: {sentence}." for sentence in draining(site.state().leaving))


def still_taken(sites: Iterable[Site]) -> Iterator[str]:
    """What may still come back to names that are no stream's any more, a sentence each."""
    together = list(sites)
    if not together:
        return
    marks = [site.state().return_paths for site in together]
    for domain, at in sorted(return_paths.until(together[0].estate, marks).items()):
        yield (
            f"Bounces to {domain} are still taken, until {return_paths.day(at)} at least: leave its"
            " records (MX, TXT) and the DKIM keys in the DNS. A run after that lets it go, if no"
            " queue holds older mail."
        )


def waits_for_records(site: Site, stream: StreamName) -> bool:
    """Whether it is the world that keeps ``stream`` closed, and not its operator."""
    return bool(site.closed_because(stream) and not site.pause_of(stream) and not site.estate.lone)


def _no_certificate(site: Site) -> str:
    if isinstance(site.estate.tls, NoTls):
        return 'tls.source is "none"'
    said = line(site.state().certificate_fault.rstrip("."))
    return f"{NO_CERTIFICATE}; the authority says: {said}" if said else NO_CERTIFICATE


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
    with ctx_host.use(sites[0].pyhost):
        sentences += still_taken(sites)
    if not waits:
        return "\n".join(sentences)
    estate = sites[0].estate
    asked = list(sites)
    records = derive(estate, live_keys(asked), live_certificates(asked), given_up(asked))
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
