"""What a host answered to the audit's questions, as frozen records. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]


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
class System:
    """The host outside Postfix; see postroad/audit/questions/system.py. ``now`` is its clock."""

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


@dataclass(frozen=True, slots=True)
class Service:
    """A service of master.cf(5)."""

    name: str
    type: str
    command: str


@dataclass(frozen=True, slots=True)
class Instance:
    """A Postfix instance; see postroad/audit/questions/postfix.py. Times are of the epoch.

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
    free: int
    messages: int
    oldest: float | None

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
    """What a listener said; see postroad/audit/questions/submission.py."""

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


def system(said: Json) -> System:
    """The answer of questions/system.py."""
    lists = (
        "failed_units",
        "rules4",
        "rules6",
        "name_servers",
        "half_installed",
        "held",
        "drop_ins",
        "rotation_words",
    )
    return System(
        sockets=tuple(Socket(**row) for row in said["sockets"]),
        processes=tuple(
            Process(**{**row, "replaced": tuple(row["replaced"])}) for row in said["processes"]
        ),
        upgrades=_upgrades(said["upgrades"]),
        logs=tuple(Log(**{**row, "trouble": tuple(row["trouble"])}) for row in said["logs"]),
        rotated={row["path"]: row["written"] for row in said["rotated"]},
        maildirs=tuple(Maildir(**row) for row in said["maildirs"]),
        postfix_uid=said["postfix_uid"],
        resolver_fault=said["resolver_fault"],
        synchronised=said["synchronised"],
        left_ban=said["left_ban"],
        now=said["now"],
        **{name: tuple(said[name]) for name in lists},
    )


def _upgrades(said: Json) -> Upgrades:
    lists = {name: tuple(said[name]) for name in ("blacklist", "kept_back")}
    return Upgrades(**{**said, **lists})


def instances(said: Json) -> dict[str, Instance]:
    """The answer of questions/postfix.py, by instance."""
    return {name: _instance(row) for name, row in said.items()}


def _instance(row: Json) -> Instance:
    lists = {name: tuple(row[name]) for name in ("words", "missing_folders", "ignored")}
    services = tuple(Service(**service) for service in row["services"])
    return Instance(**{**row, **lists, "services": services})


def signed(said: Sequence[Json]) -> tuple[Signed, ...]:
    """The answer of questions/signing.py."""
    return tuple(Signed(**{**row, "covered": tuple(row["covered"])}) for row in said)


def smtp(said: Json) -> Smtp:
    """The answer of questions/submission.py."""
    shown = said["certificates"].items()
    return Smtp(
        listeners=tuple(Dialogue(**row) for row in said["listeners"]),
        certificates={d: Shown(tuple(c["names"]), c["seconds_left"]) for d, c in shown},
        installed=said["installed"],
        key_fault=said["key_fault"],
    )
