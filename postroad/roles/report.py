"""The last words of a run: where mail is submitted, and what to publish before a stream opens.

Of a lone box, which publishes nothing: where its mail lies, and what was waived.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.state import State

from postroad.dns.dkim import LiveKey
from postroad.dns.former import Former, together
from postroad.dns.missing import not_asked
from postroad.dns.records import derive
from postroad.dns.tlsa import LiveCertificate
from postroad.dns.work_order import work_order
from postroad.mail import lone, return_paths
from postroad.mail.certificate import CERTIFICATE, REFUSAL
from postroad.mail.doors import Door, box
from postroad.mail.leaving.instances import LEAVING
from postroad.mail.leaving.streams import draining
from postroad.mail.return_paths import RETURN_PATHS
from postroad.roles.own import deploy, operation
from postroad.roles.run import names, streams
from postroad.roles.run.ask import UnansweredError
from postroad.roles.run.left_out import OF_A_HOST, lose
from postroad.roles.run.live import given_up, of_each
from postroad.roles.run.pyinfra_words import at_the_end
from postroad.roles.run.site import Site
from postroad.roles.run.sites import Sites
from postroad.settings.model import Estate, NoTls, StreamName
from postroad.settings.terminal import inform, line, warn

NO_CERTIFICATE = "there is no certificate yet"
NOBODY: Mapping[str, str] = MappingProxyType({})


@deploy("Records")
def report(site: Site, sites: Sites) -> None:
    """Print the records to publish while a stream is closed."""
    say(name="What the world has to see", site=site, sites=sites)


@dataclass(frozen=True, slots=True)
class Known:
    """What a run knows of one host at its end.

    ``sentences`` are what else is to be told of it; ``waits`` is whether the world keeps it closed.
    """

    name: str
    uncertified: str
    doors: tuple[Door, ...]
    sentences: tuple[str, ...]
    waits: bool
    keys: tuple[LiveKey, ...]
    certificate: LiveCertificate | None
    return_paths: return_paths.Marks
    former: Former


def known_of(site: Site) -> Known:
    """Asks the host where it was changed since it was last asked. Raises UnansweredError."""
    state = site.state()
    return Known(
        site.host.name,
        _no_certificate(site) if state[CERTIFICATE] is None else "",
        tuple(_door(site, stream) for stream in site.host.streams),
        tuple(_left(site)),
        any(waits_for_records(site, stream) for stream in site.host.streams),
        names.published_keys(site),
        names.live_certificate(site),
        state[RETURN_PATHS],
        given_up([site]),
    )


def _known_or_not(site: Site) -> Known:
    """As `known_of`; UnansweredError whatever keeps the host from being known."""
    try:
        return known_of(site)
    except UnansweredError:
        raise
    except OF_A_HOST as error:
        raise UnansweredError(site.host.name, line(error)) from error


def _left(site: Site) -> Iterator[str]:
    """What is to be told of the host besides its doors, a sentence each."""
    name = site.host.name
    if lacking := _lacking(site):
        yield (
            f"The certificate on {name} has no {' and no '.join(lacking)} yet: applications submit "
            f"by its other names until then{_said(site)}."
        )
    yield from (f"{name}: {sentence}." for sentence in draining(site.state()[LEAVING]))


def _door(site: Site, stream: StreamName) -> Door:
    now = streams.standing(site, stream)
    return Door(
        site.host,
        site.estate.stream(stream),
        streams.closed_because(site, stream),
        waiting=now.waiting,
        unused=now.unused,
    )


def _still_taken(estate: Estate, marks: Iterable[return_paths.Marks]) -> Iterator[str]:
    """What may still come back to names that are no stream's any more, a sentence each."""
    for domain, at in sorted(return_paths.until(estate, marks).items()):
        yield (
            f"Bounces to {domain} are still taken, until {return_paths.day(at)} at least: leave its"
            " records (MX, TXT) and the DKIM keys in the DNS. A run after that lets it go, if no"
            " queue holds older mail."
        )


def waits_for_records(site: Site, stream: StreamName) -> bool:
    """Whether it is the world that keeps ``stream`` closed, or a part of it, and no operator."""
    now = streams.standing(site, stream)
    waits = now.closed or now.waiting or now.unused
    return bool(waits and not streams.pause_of(site, stream) and not site.estate.lone)


def _no_certificate(site: Site) -> str:
    if isinstance(site.estate.tls, NoTls):
        return 'tls.source is "none"'
    return f"{NO_CERTIFICATE}{_said(site)}"


def _said(site: Site) -> str:
    said = line(site.state()[REFUSAL].rstrip("."))
    return f"; the authority says: {said}" if said else ""


def _lacking(site: Site) -> list[str]:
    """The names that clients may connect to, and that the certificate does not have."""
    found = site.state()[CERTIFICATE]
    names = site.host.certificate_names
    return [name for name in names if found is not None and name not in found.names]


@dataclass(frozen=True, slots=True)
class LastWords:
    """What is told, and whether any of it is left for the operator to do.

    ``silent`` are hosts of the run that could not be asked for it, with the reason.
    """

    text: str
    is_all_open: bool
    silent: Mapping[str, str] = field(default_factory=dict)


def last_words(sites: Sequence[Site], unknown: Mapping[str, str] = NOBODY) -> LastWords:
    """Where the run's hosts take mail, what keeps them from it, and what to publish.

    ``unknown`` are the estate's hosts that the run is not working on (any more), with the reason.
    """
    estate = sites[0].estate
    places = {one.name: place for place, one in enumerate(estate.hosts)}
    # pyinfra comes to its hosts in any order.
    answers = of_each(sorted(sites, key=lambda site: places[site.host.name]), _known_or_not)
    silent = {one.host: one.reason for one in answers if isinstance(one, UnansweredError)}
    known = [one for one in answers if not isinstance(one, UnansweredError)]
    uncertified = {one.name: one.uncertified for one in known if one.uncertified}
    # Without a certificate nothing is open; what else keeps a stream closed is told all the same.
    doors = [d for one in known for d in one.doors if d.shut or not one.uncertified]
    framed = box(estate, doors, uncertified, {**silent, **unknown})
    left = [
        *(sentence for one in known for sentence in one.sentences),
        *_still_taken(estate, (one.return_paths for one in known)),
    ]
    # Records fill a screen: what is left to be read is below them.
    records = [_records(estate, known)] if any(one.waits for one in known) else []
    parts = [*records, *_lone(estate), *left, framed]
    waits = bool(
        left
        or uncertified
        or silent
        or unknown
        or any(door.shut or door.waiting or door.unused for door in doors)
    )
    return LastWords("\n".join(filter(None, parts)), not waits, silent)


def _lone(estate: Estate) -> list[str]:
    return [said for one in estate.hosts for said in lone.told(one)] if estate.lone else []


def _records(estate: Estate, known: Sequence[Known]) -> str:
    keys = tuple(key for one in known for key in one.keys)
    certificates = tuple(one.certificate for one in known if one.certificate)
    former = together(one.former for one in known)
    return "\n".join(
        [
            "Publish these records, then run again; a stream opens when its host sees them.",
            *filter(None, [not_asked(estate, {one.name for one in known})]),
            "",
            work_order(estate, derive(estate, keys, certificates, former), ()),
        ]
    )


def not_at_work(estate: Estate, run: State) -> dict[str, str]:
    """The estate's hosts that ``run`` is not working on at its end, each with the reason."""
    active = {one.name for one in run.active_hosts}
    failed = {one.name for one in run.failed_hosts}
    tried = {one.name for one in run.inventory if run.is_host_in_limit(one)}

    def why(name: str) -> str:
        if name not in tried:
            return "this run is not about it"
        return "the run failed there" if name in failed else "it was not reached"

    return {one.name: why(one.name) for one in estate.hosts if one.name not in active}


@operation()
def say(site: Site, sites: Sites) -> Generator[StringCommand]:
    """Say it when everything else is done. It changes nothing, so it is never a change."""
    yield from ()
    if not host.state.is_executing:
        return
    at_work = sites.beside(site)
    # The first host speaks for all of them.
    if site is not at_work[0]:
        return
    words = last_words(at_work, not_at_work(site.estate, host.state))
    for one in at_work:
        if one.host.name in words.silent:
            lose(one.pyhost, UnansweredError(one.host.name, words.silent[one.host.name]))
    tell = inform if words.is_all_open else warn
    at_the_end(host.state, tell, words.text)
