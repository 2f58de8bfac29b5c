"""What a host answered to the audit's questions, as frozen records. Pure.

A host may answer one thing and not the other. What it did not answer is not there: to look at it
raises NotAnsweredError with the reason, and so the checks that need it are unknown, and no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from postroad.host.answers import AnswerError, hints, typed
from postroad.settings.terminal import line

T = TypeVar("T")

LONGEST_REASON = 200


class NotAnsweredError(Exception):
    """Something that a check needs was not answered; the message says why."""


class Partly:
    """A record whose parts may be missing; ``unanswered`` has the reason for each that is."""

    __slots__ = ()
    unanswered: Mapping[str, str]

    def __getattr__(self, name: str) -> Any:
        # Only asked for what is not there.
        if name != "unanswered" and name in self.unanswered:
            raise NotAnsweredError(self.unanswered[name])
        raise AttributeError(name)

    def lacks(self, *parts: str) -> str:
        """Why one of these parts is not there; empty where all are."""
        return next((self.unanswered[part] for part in parts if part in self.unanswered), "")


def partly(kind: type[T], known: Mapping[str, Any], unanswered: Mapping[str, str]) -> T:
    """A record of that kind with the parts that are ``known``, and the reasons for the others."""
    made = object.__new__(kind)
    for name, value in {**known, "unanswered": unanswered}.items():
        object.__setattr__(made, name, value)
    return made


def from_parts(kind: type[T], said: object) -> T:
    """A record of that kind from its parts, as a question answers them. AnswerError."""
    known: dict[str, Any] = {}
    unanswered: dict[str, str] = {}
    fields = {name: of for name, of in hints(cast(Any, kind)).items() if name != "unanswered"}
    parts = said if isinstance(said, dict) else {}
    if set(parts) != set(fields):
        raise AnswerError(f"it has other parts than {', '.join(fields)}")
    for name, of in fields.items():
        part = parts[name]
        if not isinstance(part, dict) or set(part) != {"said", "why"}:
            raise AnswerError(f"{name} is no part of an answer")
        if part["why"]:
            unanswered[name] = line(part["why"])[:LONGEST_REASON]
        else:
            known[name] = typed(of, part["said"], name)
    return partly(kind, known, unanswered)


@dataclass(frozen=True, slots=True)
class Socket:
    """A listening TCP or a bound UDP socket."""

    protocol: str
    address: str
    port: int
    program: str

    def __str__(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port}/{self.protocol} ({self.program or 'no program'})"


@dataclass(frozen=True, slots=True)
class Process:
    """A process of a systemd service; ``replaced`` are the files it runs that are on no disk."""

    unit: str
    pid: int
    replaced: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Upgrades:
    """How apt's daily upgrades fare: its settings, and when it last had success (of the epoch).

    ``fetched`` is of the lists, ``installed`` of packages, 0.0 where never; ``declared`` is since
    when postroad has its say.
    """

    settings: Mapping[str, str]
    blacklist: tuple[str, ...]
    kept_back: tuple[str, ...]
    fetched: float
    installed: float
    declared: float


@dataclass(frozen=True, slots=True)
class Log:
    """A current log: when its first line was written, and its lines of trouble (the last few)."""

    path: str
    oldest: float | None
    trouble: tuple[str, ...]
    troubles: int


@dataclass(frozen=True, slots=True)
class Maildir:
    """How much lies in a Maildir of ours."""

    path: str
    bytes: int
    files: int


@dataclass(frozen=True, slots=True)
class System(Partly):
    """The host outside Postfix; see postroad/onhost/asked/system.py. ``now`` is its clock."""

    sockets: tuple[Socket, ...]
    processes: tuple[Process, ...]
    failed_units: tuple[str, ...]
    rules4: tuple[str, ...]
    rules6: tuple[str, ...]
    postfix_uid: int
    name_servers: tuple[str, ...]
    resolver_fault: str
    synchronised: str
    half_installed: tuple[str, ...]
    held: tuple[str, ...]
    upgrades: Upgrades
    drop_ins: tuple[str, ...]
    left_ban: bool
    logs: tuple[Log, ...]
    rotated: Mapping[str, float]
    rotation_words: tuple[str, ...]
    maildirs: tuple[Maildir, ...]
    now: float
    unanswered: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Room:
    """What is free on a disk for whoever is not root: bytes, and inodes (each file takes one).

    ``inodes`` is None where the file system makes them as it needs them (btrfs).
    """

    bytes: int
    inodes: int | None


@dataclass(frozen=True, slots=True)
class Service:
    """A service of master.cf(5)."""

    name: str
    type: str
    command: str


@dataclass(frozen=True, slots=True)
class Instance(Partly):
    """A Postfix instance; see postroad/onhost/asked/instances.py. Times are of the epoch.

    ``set_back`` is by how many seconds the clock was set back under it, ``next_try`` the latest
    time before which a message of it is left alone (0 where none waits). ``ignored`` are, of the
    records asked about, those by which it connects to nobody.
    """

    words: tuple[str, ...]
    missing_folders: tuple[str, ...]
    parameters: Mapping[str, str]
    services: tuple[Service, ...]
    overrides: Mapping[str, str]
    ignored: tuple[str, ...]
    written: float
    queue_manager: float | None
    set_back: float
    next_try: float
    corrupt: int
    room: Room
    messages: int
    oldest: float | None
    unanswered: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_readable(self) -> bool:
        """Whether Postfix could read its own files; if not, its words say why."""
        return bool(self.parameters)

    def of(self, service: Service, parameter: str) -> str:
        """What ``parameter`` is for one service: its own ``-o``, else the instance's."""
        own = self.overrides.get(f"{service.name}/{service.type}/{parameter}")
        return self.parameters.get(parameter, "") if own is None else own


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signer did with one probe; ``verdict`` and ``reason`` are on its signature.

    ``message`` is the probe as signed, empty where it was not.
    """

    stream: str
    sender: str
    outcome: str
    verdict: str
    reason: str
    domain: str
    covered: tuple[str, ...]
    message: str = ""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What a listener said; see postroad/onhost/asked/submission.py."""

    address: str
    port: int
    fault: str
    greeting: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    tls: str
    outdated: bool
    certificate: str
    code: int
    answer: str

    def __str__(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate that a listener shows: its names, and the seconds until it ends."""

    names: tuple[str, ...]
    seconds_left: int


@dataclass(frozen=True, slots=True)
class Smtp:
    """Every listener, the certificates they show by digest, and the digest of the one on disk.

    ``key_fault`` is why a daemon that starts now could not use that one; empty where it can.
    """

    listeners: tuple[Dialogue, ...]
    certificates: Mapping[str, Shown]
    installed: str
    key_fault: str


def answered(instances: Mapping[str, Instance], *parts: str) -> Iterator[tuple[str, Instance]]:
    """The instances that answered all of these parts. NotAnsweredError of the others, at the end.

    So that what is wrong with one is not hidden by the silence of another.
    """
    lacking = []
    for name, one in instances.items():
        why = one.lacks(*parts)
        if why:
            lacking.append(f"{name}: {why}")
        else:
            yield name, one
    if lacking:
        raise NotAnsweredError("; ".join(lacking))
