"""Programs that listen where the estate's own daemons are to. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from postroad.paths import SINK_PORT, SYSTEM_MAIL_PORT
from postroad.settings.model import AcmeTls, Estate, Host, Http01

#: Prints the lines that `parse` reads. The programs' names need root (ss(8), -p).
COMMAND = "ss -Hltnp 2>/dev/null | awk '{print $4, $6}'"

# As ss(8) writes them; nothing is bound here.
ANYWHERE = ("0.0.0.0", "[::]", "*")  # noqa: S104
LOOPBACK = ("127.0.0.1", "[::1]")

# What a run itself has listen there, or replaces: see `postroad.foreign.queues`.
MAIL = ("master", "smtpd", "postscreen", "exim4", "sendmail", "sendmail-mta")
_PROGRAM = re.compile(r'\(\("([^"]*)"')


@dataclass(frozen=True, slots=True)
class Listener:
    """A TCP socket that takes connections; ``address`` as ss(8) writes it, IPv6 in brackets."""

    address: str
    port: int
    program: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something of ours is to listen, for ``use``; ``programs`` may be there already."""

    address: str
    port: int
    use: str
    programs: tuple[str, ...]


def parse(lines: Iterable[str]) -> Iterator[Listener]:
    """Read the lines of `COMMAND`; ValueError on anything else."""
    for line in lines:
        socket, _, users = line.partition(" ")
        address, _, port = socket.rpartition(":")
        found = _PROGRAM.search(users)
        yield Listener(address.partition("%")[0], int(port), found[1] if found else "")


def refusals(estate: Estate, host: Host, listeners: Iterable[Listener]) -> Iterator[str]:
    """A sentence for each listener of ``host`` that is in the way."""
    there = tuple(listeners)
    told = set()
    for place in _places(estate, host):
        for found in there:
            if (found.address, found.port) in told or not _is_in_the_way(found, place):
                continue
            told.add((found.address, found.port))
            yield (
                f"{found.program or 'another program'} listens on {found.address}:{found.port}, "
                f"where postroad needs the port for {place.use}: move it to another host or port, "
                "or stop and disable it"
            )


def _is_in_the_way(found: Listener, place: Place) -> bool:
    meets = found.address in (place.address, *ANYWHERE) or place.address in ANYWHERE
    return meets and found.port == place.port and found.program not in place.programs


def _places(estate: Estate, host: Host) -> Iterator[Place]:
    for address in LOOPBACK:
        yield Place(address, 53, "its resolver", ("unbound",))
    yield Place(LOOPBACK[0], SYSTEM_MAIL_PORT, "root's and cron's mail", MAIL)
    if estate.lone:
        yield Place(LOOPBACK[0], SINK_PORT, "the sink", ("smtp-sink",))
    if host.inbound:
        yield Place(ANYWHERE[0], 25, "bounces and complaints", MAIL)
    if isinstance(estate.tls, AcmeTls) and isinstance(estate.tls.challenge, Http01):
        yield Place(ANYWHERE[0], 80, "the certificate (acme http-01)", ("certbot",))
    for stream, way in estate.streams_of(host):
        for own in way.addresses:
            text = f"[{own}]" if own.version == 6 else str(own)
            for port in (way.starttls_port, way.tls_port):
                yield Place(text, port, f"{stream.name} submission", MAIL)
