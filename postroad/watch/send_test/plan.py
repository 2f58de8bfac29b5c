"""Which messages a test consists of: one by each stream of each host that is meant. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postroad.settings.meant import nearest
from postroad.settings.model import Estate, Host, Stream, StreamName, User
from postroad.watch.send_test.letter import sender_of
from postroad.watch.send_test.logins import chosen


class MeantError(ValueError):
    """What was asked for is not there; the message says what is."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One message to be: by which stream of which host, as whom, to whom."""

    host: Host
    stream: Stream
    user: User
    sender: str
    recipient: str


@dataclass(frozen=True, slots=True)
class Meant:
    """What was asked for: a part of the estate where it is named, and whose mail it is."""

    recipient: str
    stream: StreamName | None = None
    host: str | None = None
    logins: Sequence[str] = ()
    sender: str | None = None


def trials(estate: Estate, meant: Meant) -> list[Trial]:
    """Every message, in the order of hosts and streams.

    MeantError, LoginError or SenderError where the estate has none such.
    """
    hosts = [host for host in estate.hosts if meant.host in (None, host.name)]
    if not hosts:
        raise MeantError(_none("host", str(meant.host), [host.name for host in estate.hosts]))
    streams = [stream for stream in estate.streams if meant.stream in (None, stream.name)]
    if not streams:
        raise MeantError(_none("stream", str(meant.stream), [s.name for s in estate.streams]))
    known = [user.name for stream in estate.streams for user in stream.users]
    for login in meant.logins:
        if login.lower() not in map(str.lower, known):
            raise MeantError(_none("login", login, known))
    senders = {stream.name: _as_whom(stream, meant) for stream in _for_sender(streams, meant)}
    found = [
        Trial(host, stream, *senders[stream.name], meant.recipient)
        for host in hosts
        for stream, _ in estate.streams_of(host)
        if stream.name in senders
    ]
    if not found:
        raise MeantError(f"no host that is meant carries {', '.join(senders)}")
    return found


def _for_sender(streams: Sequence[Stream], meant: Meant) -> list[Stream]:
    """The streams whose From: may hold the sender's domain."""
    if meant.sender is None:
        return list(streams)
    domain = meant.sender.rpartition("@")[2].lower()
    found = [stream for stream in streams if domain in stream.from_domains]
    if not found:
        known = [name for stream in streams for name in stream.from_domains]
        raise MeantError(_none("From: domain", domain, known))
    return found


def _as_whom(stream: Stream, meant: Meant) -> tuple[User, str]:
    user = chosen(stream, meant.logins)
    return user, sender_of(user, meant.sender)


def _none(what: str, word: str, known: Sequence[str]) -> str:
    likely = nearest(word, known)
    mend = f"write {likely}" if likely else f"it has {', '.join(dict.fromkeys(known))}"
    return f"the estate has no {what} {word}; {mend}"
