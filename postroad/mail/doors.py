"""Where the applications submit their mail, or why they cannot: what a run ends by telling. Pure.

A line a stream and host; what is the same on many hosts is said once, so that an estate of thirty
stays readable. Only what is known is said, and of whom nothing is known that is said too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import TypeVar

from postroad.settings.model import Estate, Host, Stream, User, WayOut
from postroad.settings.terminal import WIDE

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

#: So many hosts are named in a sentence, each with a reason of its own; more are taken together.
FEW = 3
TITLE = "Where mail is submitted"
_EDGE = "| "
# A space at which no line is folded.
_TIED = "\u00a0"


@dataclass(frozen=True, slots=True)
class Door:
    """A stream's submission on one host.

    ``shut`` is why it takes no mail, empty where it is open. Though it is open, it may not take all
    that is declared: ``waiting`` are From: domains, ``unused`` whatever else of it, each with the
    reason.
    """

    host: Host
    stream: Stream
    shut: str = ""
    waiting: Mapping[str, str] = field(default_factory=dict)
    unused: Mapping[str, str] = field(default_factory=dict)

    @property
    def way(self) -> WayOut:
        """The stream's way out of this host, where its applications connect to."""
        return self.host.way_out(self.stream.name)


def box(
    estate: Estate,
    doors: Sequence[Door],
    uncertified: Mapping[str, str],
    unknown: Mapping[str, str],
) -> str:
    """All of it, framed, each line at most `terminal.WIDE` columns where its words allow.

    ``uncertified`` are the hosts without a certificate, ``unknown`` those of which nothing is
    known, each with the reason. A door of a host without a certificate is told when it is shut for
    another reason as well.
    """
    lines = [line for stream in estate.streams for line in _stream(estate, stream, doors)]
    for why, names in _grouped(uncertified, lambda name: uncertified[name]):
        lines += _sentence("Submission is closed on", names, why)
    for why, names in _grouped(unknown, lambda name: unknown[name]):
        lines += _sentence("Nothing is known of", names, why)
    if any(not door.shut for door in doors):
        lines += ["To see a message arrive: postroad send-test INVENTORY YOUR-ADDRESS"]
    if not lines:
        return ""
    edge = f"+{'-' * (WIDE - 1)}"
    title = f"+-- {TITLE} ".ljust(WIDE, "-")
    return "\n".join([title, *(f"{_EDGE}{line}" for line in lines), edge])


def _stream(estate: Estate, stream: Stream, doors: Sequence[Door]) -> Iterator[str]:
    ours = [door for door in doors if door.stream == stream]
    is_open = [door for door in ours if not door.shut]
    if is_open:
        names = _names(door.host.name for door in is_open)
        where = names if len(is_open) <= FEW else f"{len(is_open)} hosts"
        yield f"The {stream.name} stream is open on {where}."
        yield from _where(estate, is_open)
        yield from _who(stream)
        yield from _apart("  but From: {} waits on", is_open, lambda door: door.waiting)
        yield from _apart("  but {} is not used yet on", is_open, lambda door: door.unused)
    for hosts, why in _reasons((door.host, door.shut) for door in ours if door.shut):
        yield from _sentence(f"The {stream.name} stream is closed on", hosts, why)


def _where(estate: Estate, doors: Sequence[Door]) -> Iterator[str]:
    """The names that applications connect to, those with the same ports together."""
    for ports, same in _grouped(doors, _ports):
        names = ", ".join(_server(estate, door) for door in same)
        yield from _folded(f"port {ports} of {names}", indent=2)


def _ports(door: Door) -> str:
    return f"{door.way.starttls_port} (STARTTLS) or {door.way.tls_port} (TLS)"


def _server(estate: Estate, door: Door) -> str:
    """The name that the certificate has; of a lone box, whose name nobody resolves, the address."""
    if estate.lone:
        return str(door.way.addresses[0])
    name, host = door.way.helo, door.host.name
    return name if host in (name, name.partition(".")[0]) else f"{name}{_TIED}({host})"


def _who(stream: Stream) -> Iterator[str]:
    """Who may submit from where, as whom: logins with the same rights together."""
    yield from _folded(f"from {', '.join(map(str, stream.clients))}", indent=2)
    for rights, users in _grouped(stream.users, lambda user: _rights(stream, user)):
        yield from _folded(f"login {', '.join(user.name for user in users)}, {rights}", indent=2)


def _rights(stream: Stream, user: User) -> str:
    senders = " or ".join(user.envelope_senders)
    addresses = [a for a in user.from_addresses if not a.startswith("@")]
    domains = [a[1:] for a in user.from_addresses if a.startswith("@")]
    at = [f"at {', '.join(domains)}"] if domains else []
    return f"MAIL FROM {senders}, From: {' or '.join([*at, *addresses])}"


def _apart(
    words: str, doors: Sequence[Door], of: Callable[[Door], Mapping[str, str]]
) -> Iterator[str]:
    """What of open streams is not open: a sentence each, told once for all hosts."""
    told = [(name, (door.host, why)) for door in doors for name, why in of(door).items()]
    for name, same in _grouped(told, lambda one: one[0]):
        for hosts, why in _reasons([reason for _, reason in same]):
            yield from _sentence(words.format(name), hosts, why)


def _reasons(told: Iterable[tuple[Host, str]]) -> Iterator[tuple[list[str], str]]:
    """Hosts that have one reason, and the reason.

    Most reasons hold the host's own name or address. Of a few hosts each is told as it is; of many
    it is told once, with a word in capitals in the place of what differs.
    """
    for pattern, same in _grouped(told, lambda one: _pattern(*one)):
        exact = _grouped(same, lambda one: one[1])
        if len(exact) <= FEW:
            yield from (([host.name for host, _ in of], why) for why, of in exact)
        else:
            yield [host.name for host, _ in same], pattern


def _pattern(host: Host, why: str) -> str:
    """A reason with words in the place of what is the host's own."""
    own = {host.name: "HOST", host.hostname: "HOST"}
    for way in host.ways_out:
        own |= {way.helo: "NAME", way.selector_label: "HOST"}
        own |= {str(address): "ADDRESS" for address in way.addresses}
    # The longest first: mail1.shop.example begins as mail1 does.
    words = "|".join(map(re.escape, sorted(own, key=len, reverse=True)))
    return re.sub(rf"(?<![\w.])(?:{words})(?![\w-])", lambda met: own[met[0]], why)


def _names(hosts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(hosts))


def _grouped(things: Iterable[T], key: Callable[[T], K]) -> list[tuple[K, list[T]]]:
    """``things`` under what ``key`` makes of them, in the order of the first of each."""
    found: dict[K, list[T]] = {}
    for thing in things:
        found.setdefault(key(thing), []).append(thing)
    return list(found.items())


def _sentence(what: str, hosts: Sequence[str], why: str) -> list[str]:
    """Why it is so on ``hosts``; of a few on one line, so that it can be looked for."""
    told = f"{what} {_names(hosts)}: {why}."
    return [told] if len(hosts) <= FEW else _folded(told)


def _folded(text: str, indent: int = 0) -> list[str]:
    """``text`` on lines that fit into the box; names and addresses stay whole."""
    lines = wrap(
        text,
        WIDE - len(_EDGE),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 4),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_TIED, " ") for line in lines]
