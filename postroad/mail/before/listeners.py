"""Programs that listen where the estate's own daemons are to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address

from postroad.host.reading import Reading, section
from postroad.settings.model import AcmeTls, Estate, Host, Http01
from postroad.settings.ports import SINK_PORT, SYSTEM_MAIL_PORT

#: Prints the lines that `parse` reads: sockets that listen (state 0A), and whose they are, from the
#: kernel's own tables (proc(5)). A process may call itself anything, also by what reads like more
#: of ss(8)'s output: names are asked where root has the socket or gave the port (below 1024) alone,
#: and come as plain words. One of those that hold a socket may end meanwhile: the next is asked.
#: A socket that nobody holds any more, as of a daemon that is just restarted, is asked about once
#: more, and is none where the kernel has it no longer.
COMMAND = r"""{ cat /proc/net/tcp /proc/net/tcp6
find /proc/[0-9]*/fd -lname 'socket:*' -printf '%l %h\n'; } 2>/dev/null | awk '
$4 == "0A" {at[$10] = $2; uid[$10] = $8; next}
$1 ~ /^socket:/ {i = substr($1, 9, length($1) - 9); if (i in at) holder[i] = holder[i] " " $2}
END {for (i in at) print i, at[i], uid[i], holder[i]}' | while read -r i at uid held; do
name=; case "$uid $at" in "0 "*|*:0[0-3]??)
[ -n "$held" ] || held=$(find /proc/[0-9]*/fd -lname "socket:?$i?" -printf '%h ')
for h in $held; do
name=$(tr -cd '[:alnum:]_.-' <"${h%/fd}/comm"); [ -z "$name" ] || break; done
[ -n "$name" ] || awk -v i="$i" '$10 == i {e = 1} END {exit !e}' /proc/net/tcp /proc/net/tcp6 ||
continue; esac
echo "$at $uid $name"; done 2>/dev/null"""

# As ss(8) writes them; nothing is bound here.
ANYWHERE = ("0.0.0.0", "[::]", "*")  # noqa: S104
LOOPBACK = ("127.0.0.1", "[::1]")

# What a run itself has listen there, or replaces: see `postroad.mail.before.queues`.
MAIL = ("master", "smtpd", "postscreen", "exim4", "sendmail", "sendmail-mta")


@dataclass(frozen=True, slots=True)
class Listener:
    """A TCP socket that takes connections; ``address`` as ss(8) writes it, IPv6 in brackets.

    ``uid`` is who opened it; ``program`` is known where root has the socket or gave the port.
    """

    address: str
    port: int
    program: str = ""
    uid: int = 0

    @property
    def who(self) -> str:
        """Who listens, in words."""
        unnamed = f"a program of user {self.uid}" if self.uid else "another program"
        return self.program or unnamed


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
        socket, uid, *program = line.split()
        address, _, port = socket.partition(":")
        yield Listener(_address(address), int(port, 16), "".join(program), int(uid))


def _address(kernel: str) -> str:
    """An address as the kernel's tables have it: words of 32 bits, the lowest octet first."""
    words = bytes.fromhex(kernel)
    octets = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
    address = ip_address(octets)
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or f"[{address}]")


def refusals(estate: Estate, host: Host, listeners: Iterable[Listener]) -> Iterator[str]:
    """A sentence for each listener of ``host`` that is in the way."""
    there = tuple(listeners)
    told = set()
    for place in _places(estate, host):
        # Whoever listens beside us is not in our way: we are there.
        if any(_is_ours(found, place) for found in there):
            continue
        for found in there:
            if (found.address, found.port) in told or not _is_in_the_way(found, place):
                continue
            told.add((found.address, found.port))
            yield (
                f"{found.who} listens on {found.address}:{found.port}, "
                f"where postroad needs the port for {place.use}: move it to another host or port, "
                "or stop and disable it"
            )


def _is_in_the_way(found: Listener, place: Place) -> bool:
    meets = found.address in (place.address, *ANYWHERE) or place.address in ANYWHERE
    return meets and found.port == place.port and found.program not in place.programs


def _is_ours(found: Listener, place: Place) -> bool:
    is_there = (found.address, found.port) == (place.address, place.port)
    return is_there and found.program in place.programs


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


LISTENERS: Reading[tuple[Listener, ...]] = Reading(
    "listeners", section("listeners", lambda lines: tuple(parse(lines))), ()
)
