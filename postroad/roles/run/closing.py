"""What a run takes away that works, in words: before the first change, and in a dry run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from postroad.host.component import File
from postroad.mail.before.listeners import LISTENERS
from postroad.mail.firewall import allowed
from postroad.mail.firewall.found import FIREWALL
from postroad.mail.leaving.instances import LEAVING
from postroad.mail.narrowing import TELLING, narrowed, shut
from postroad.roles.run import made, streams
from postroad.roles.run.facts.contents import Contents
from postroad.roles.run.site import Site
from postroad.settings.model import STREAM_NAMES, NoTls, StreamName


def closings(site: Site) -> Iterator[str]:
    """A sentence for each stream that takes mail on the host and will not after the run, and what
    to do first so that it need not; and for each thing that applications may do there, and will
    not."""
    name = site.host.name
    for stream in site.host.streams:
        if reason := _reason(site, stream):
            instead = streams.standing(site, stream).instead
            yield f"{_words(stream, name)}: {reason}. {instead}".rstrip()
            continue
        for domain in streams.drops(site, stream):
            yield f"{_of_domain(stream, name, domain)}. Have no application write it first"
        if streams.takes_mail(site, stream):
            before, after = _telling(site, stream)
            yield from narrowed(stream, name, before, after)
    if any(streams.takes_mail(site, stream) for stream in site.host.streams):
        yield from shut(name, site.state()[FIREWALL], allowed.rules(site.estate, site.host))
    for instance in site.state()[LEAVING]:
        if instance.name in STREAM_NAMES and instance.doors:
            yield (
                f"{_words(instance.name, name)}: the estate does not declare it there any more. "
                "What it has taken is delivered; have no application submit to it any more before "
                "you go on"
            )


def outlook(site: Site, stream: StreamName) -> tuple[str, ...]:
    """What the run makes of ``stream``, where that is not simply open: for an operation's name."""
    if reason := _reason(site, stream):
        return (f"{_words(stream, site.host.name)}: {reason}",)
    if streams.closed_because(site, stream) or site.estate.lone:
        return ()
    now = streams.standing(site, stream)
    dropped = (_of_domain(stream, site.host.name, domain) for domain in streams.drops(site, stream))
    waiting = (f"mail From: {domain} will wait: {why}" for domain, why in now.waiting.items())
    unused = (f"{what} is not used yet: {why}" for what, why in now.unused.items())
    return (*dropped, *waiting, *unused)


def _telling(site: Site, stream: StreamName) -> tuple[dict[str, str], dict[str, str]]:
    """The texts that tell what applications may do, as they are and as they are to be, by name; of
    those alone that the run changes."""
    state = site.state()
    files = [file for component in made.components(site) for file in component.files]
    telling = [file for file in files if _is_telling(file, stream)]
    wanted = {
        file.path: file.content
        for file in telling
        if (found := state.files.get(file.path)) is not None
        and found.kind == "file"
        and found.sha256 != file.sha256
    }
    if not wanted:
        return {}, {}
    there = site.once(("telling", stream), lambda: site.ask(Contents(tuple(wanted))))
    return _by_name(there), _by_name(wanted)


def _is_telling(file: File, stream: StreamName) -> bool:
    folder, _, name = file.path.rpartition("/")
    return name in TELLING and folder.endswith((f"-{stream}", f"/{stream}"))


def _by_name(contents: Mapping[str, bytes]) -> dict[str, str]:
    return {
        path.rpartition("/")[2]: content.decode("utf-8", "replace")
        for path, content in contents.items()
    }


def _reason(site: Site, stream: StreamName) -> str:
    return streams.closes(site, stream) or _without_certificate(site, stream)


def _without_certificate(site: Site, stream: StreamName) -> str:
    """Why nobody can log in after the run, where somebody can now; empty where that stays."""
    way = site.host.way_out(stream)
    doors = {(str(a), port) for a in way.addresses for port in (way.starttls_port, way.tls_port)}
    is_open = any(
        (door.address.strip("[]"), door.port) in doors for door in site.state()[LISTENERS]
    )
    if is_open and isinstance(site.estate.tls, NoTls):
        return 'tls.source is "none", and without a certificate nobody logs in'
    return ""


def _of_domain(stream: str, host: str, domain: str) -> str:
    return (
        f"{stream} mail From: {domain} is refused on {host} after this run: the estate does not "
        "declare it any more"
    )


def _words(stream: str, host: str) -> str:
    return f"this run will CLOSE the {stream} stream on {host}"
