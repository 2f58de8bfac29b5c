"""The life of a DKIM key: published → active → retiring → revoked → withdrawn → gone. Pure.

A key signs only when the world has seen it for as long as its record's TTL, and its record stays
until no mail that it signed can still be in a queue (RFC 6376 §3.6.1, §6.1.2). What a key has been
through is marked on its host (`KeyLife`) and nowhere else, so a run that dies is
continued by the next, and any run may come at any moment.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from postroad.dns.dkim import LiveKey
from postroad.host import shell
from postroad.host.paths import key_folder, key_path, life_path
from postroad.host.shell import FOLDER
from postroad.mail.signing.found import KeyLife, KeyState
from postroad.mail.signing.keys import (
    WantedKey,
    folders_of,
    is_made_here,
    making,
    signing_key,
    wanted_keys,
)
from postroad.settings.model import Estate, StreamName

DAY = 86_400
# Beyond the queue's own lifetime: a receiver may verify long after it has accepted a message.
VERIFIED_LATER = 2 * DAY

Verb = Literal["make", "see", "lose", "activate", "revoke", "withdraw", "forget"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is true beyond the keys themselves.

    ``now`` is seconds of the epoch, ``names`` are the records that every resolver shows with the
    right key, ``absent`` the names of which every resolver says that there is no record. ``oldest``
    is since when the oldest message of a (host, stream) has been queued.
    """

    now: float
    names: frozenset[str]
    absent: frozenset[str]
    oldest: Mapping[tuple[str, StreamName], float]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do to one key on one host. ``selector`` of a key to *make* is its new name."""

    verb: Verb
    host: str
    key: WantedKey
    selector: str

    def __str__(self) -> str:
        return f"{_WORDS[self.verb]} {self.selector}._domainkey.{self.key.domain}"


_WORDS: Mapping[Verb, str] = {
    "make": "make",
    "see": "the world sees",
    "lose": "the world has lost",
    "activate": "sign with",
    "revoke": "revoke",
    "withdraw": "withdraw the record of",
    "forget": "forget",
}


@dataclass(frozen=True, slots=True)
class Place:
    """The keys of one host for one stream and sending domain, in the order of their lives."""

    host: str
    key: WantedKey
    signing: KeyState
    pending: tuple[KeyState, ...]
    retiring: tuple[KeyState, ...]
    revoked: tuple[KeyState, ...]

    def age(self, now: float) -> float:
        """Seconds since the signing key began to sign."""
        return now - began(self.signing)


def began(key: KeyState) -> float:
    """When ``key`` began to sign: its mark, else the month in its name (UTC)."""
    if key.life.active is not None:
        return key.life.active
    return datetime.strptime(key.selector[:6], "%Y%m").replace(tzinfo=UTC).timestamp()


def places(estate: Estate, found: Mapping[str, tuple[KeyState, ...]]) -> Iterator[Place]:
    """Every place whose keys are made here; ``found`` are the keys of each host.

    A place without a signing key is left to the deploy, and supplied keys to whoever brings them.
    """
    for host in estate.hosts:
        for key in wanted_keys(estate, host):
            place = _place(host.name, key, found.get(host.name, ()))
            if key.supplied is None and place is not None:
                yield place


def _place(host: str, key: WantedKey, found: tuple[KeyState, ...]) -> Place | None:
    signing = signing_key(key, found)
    if signing is None:
        return None
    others = [
        k
        for k in found
        if (k.stream, k.domain) == (key.stream, key.domain)
        and is_made_here(key, k.selector)
        and k != signing
    ]
    revoked = tuple(k for k in others if k.life.revoked is not None)
    alive = [k for k in others if k.life.revoked is None]
    # Until one is marked, the newest signs, and there is none that waits.
    is_marked = signing.life.active is not None
    waiting = [k for k in alive if k.life.active is None and k.selector > signing.selector]
    pending = tuple(waiting) if is_marked else ()
    retiring = tuple(k for k in alive if k not in pending)
    return Place(host, key, signing, pending, retiring, revoked)


def steps(
    estate: Estate, found: Mapping[str, tuple[KeyState, ...]], seen: Seen
) -> tuple[Step, ...]:
    """What may be done now; empty on most days. Hosts of one stream and domain move together."""
    groups: dict[tuple[StreamName, str], list[Place]] = {}
    for place in places(estate, found):
        groups.setdefault((place.key.stream, place.key.domain), []).append(place)
    return tuple(step for group in groups.values() for step in _steps(estate, group, seen))


def _steps(estate: Estate, group: list[Place], seen: Seen) -> Iterator[Step]:
    moving = _moving(estate, group, seen.now)
    for place in moving:
        if not place.pending:
            selector = new_selector(place, seen.now)
            yield Step("make", place.host, place.key, selector)
    for place in group:
        yield from _sightings(place, seen)
    if moving and all(_is_ready(estate, place, seen) for place in moving):
        for place in moving:
            yield Step("activate", place.host, place.key, place.pending[-1].selector)
    for place in group:
        yield from _endings(estate, place, seen)


def _moving(estate: Estate, group: list[Place], now: float) -> list[Place]:
    """The places that take a new key now: all but those that have only just done so."""
    term = estate.dkim.rotate_days * DAY
    if not any(place.pending or place.age(now) >= term for place in group):
        return []
    return [place for place in group if place.pending or place.age(now) >= term / 2]


def _sightings(place: Place, seen: Seen) -> Iterator[Step]:
    for key in place.pending:
        is_seen = owner(key) in seen.names
        if is_seen and key.life.visible is None:
            yield Step("see", place.host, place.key, key.selector)
        elif not is_seen and key.life.visible is not None:
            yield Step("lose", place.host, place.key, key.selector)


def _is_ready(estate: Estate, place: Place, seen: Seen) -> bool:
    if not place.pending:
        return False
    key = place.pending[-1]
    since = key.life.visible
    return owner(key) in seen.names and since is not None and seen.now >= since + estate.record_ttl


def _endings(estate: Estate, place: Place, seen: Seen) -> Iterator[Step]:
    limits = estate.stream(place.key.stream).limits
    since = began(place.signing)
    oldest = seen.oldest.get((place.host, place.key.stream))
    is_over = seen.now >= since + limits.queue_seconds + VERIFIED_LATER
    if is_over and (oldest is None or oldest > since):
        for key in place.retiring:
            yield Step("revoke", place.host, place.key, key.selector)
    for key in place.revoked:
        # A run that was killed has marked it and not destroyed it.
        if key.public_key:
            yield Step("revoke", place.host, place.key, key.selector)
        elif key.life.withdrawn is not None:
            # A name that is still in the DNS would never be found again.
            if owner(key) in seen.absent:
                yield Step("forget", place.host, place.key, key.selector)
        elif seen.now >= (key.life.revoked or 0) + estate.dkim.revoked_days * DAY:
            yield Step("withdraw", place.host, place.key, key.selector)


def pending(estate: Estate, found: Mapping[str, tuple[KeyState, ...]]) -> Iterator[LiveKey]:
    """The keys that wait to be seen by the world."""
    for place in places(estate, found):
        for key in place.pending:
            yield LiveKey(place.host, place.key.stream, key.domain, key.selector, key.public_key)


def new_selector(place: Place, now: float) -> str:
    """The dated name of a new key; a letter tells it from others of the same month.

    It comes after all that are there, since names tell which key is newer: a name that is free
    again, because its key is gone, would not do.
    """
    taken = {k.selector for k in (place.signing, *place.pending, *place.retiring, *place.revoked)}
    month = max(datetime.fromtimestamp(now, UTC).strftime("%Y%m"), max(taken)[:6])
    names = (f"{month}{letter}-{place.key.label}" for letter in ("", *"abcdefghijklmnopqrstuvwxyz"))
    return next(name for name in names if name > max(taken))


def owner(key: KeyState) -> str:
    """The name of the key's record (RFC 6376 §3.6.2.1)."""
    return f"{key.selector}._domainkey.{key.domain}"


def script(steps: Iterable[Step], found: tuple[KeyState, ...], now: float) -> str:
    """Shell (run as root) that takes ``steps`` on the host whose keys are ``found``.

    Each file is replaced as a whole, and in an order in which a run may be killed anywhere.
    """
    taken = tuple(steps)
    # Whatever has been in them: from here on root alone writes there, and by no link.
    folders = dict.fromkeys(one for step in taken for one in folders_of(step.key))
    lines = [line for step in taken for line in _lines(step, found, now)]
    return shell.script([*folders, *lines], FOLDER)


def _lines(step: Step, found: tuple[KeyState, ...], now: float) -> Iterator[str]:
    stream, domain = step.key.stream, step.key.domain
    mine = {k.selector: k for k in found if (k.stream, k.domain) == (stream, domain)}
    private = shlex.quote(key_path(stream, domain, step.selector))
    match step.verb:
        case "make":
            signing = signing_key(step.key, found)
            if signing is not None and signing.life.active is None:
                # Before there is another: the newest would sign where none has ever been marked.
                yield marked(signing, replace(signing.life, active=began(signing)))
            yield from making(shlex.quote(key_folder(stream, domain)), shlex.quote(step.selector))
        case "see":
            yield marked(mine[step.selector], KeyLife(visible=now))
        case "lose":
            yield marked(mine[step.selector], KeyLife())
        case "activate":
            key = mine[step.selector]
            yield marked(key, replace(key.life, active=now))
        case "revoke":
            key = mine[step.selector]
            yield marked(key, replace(key.life, revoked=key.life.revoked or now))
            yield f"rm -f {private}"
        case "withdraw":
            key = mine[step.selector]
            yield marked(key, replace(key.life, withdrawn=now))
        case "forget":
            yield f"rm -f {shlex.quote(life_path(stream, domain, step.selector))}"


def marked(key: KeyState, life: KeyLife) -> str:
    """Shell that writes down what has become of ``key``."""
    path = shlex.quote(life_path(key.stream, key.domain, key.selector))
    marks = [f"{name} {at:.0f}" for name, at in asdict(life).items() if at is not None]
    words = " ".join(shlex.quote(mark) for mark in marks)
    if not marks:
        return f"rm -f {path}"
    # The folder is root's; a link in it would be from when it was not.
    return f"rm -f {path}.new; printf '%s\\n' {words} > {path}.new; mv -fT {path}.new {path}"
