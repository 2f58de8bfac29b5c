"""What a host is like now, as one frozen record read by one command.

Asking file by file costs a round trip each: ten unchanged files took 5.2 s at 50 ms. `probe`
builds one shell script that reads everything the parts and the roles want to know, and `parse`
turns its output into a `HostState`. Both are pure; `postroad.roles.run.facts.host` runs it.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeVar, cast

from postroad.host.environment import PATH
from postroad.host.paths import ADOPTED
from postroad.host.reading import Inquiry, Reading, Sections
from postroad.host.told import numbers, time

T = TypeVar("T")

MARK = "@@postroad "

# What stands behind each part: a shell that cannot fork ends in the middle of its own, and of no
# other, and what it did not come to would read as what is not there.
PART_ENDS = ("end-names", "end-services", "end-packages")
# In the place of the units where systemd does not answer: silence would read as no unit at all.
SILENT = "silent"


@dataclass(frozen=True, slots=True)
class FileState:
    """One path: ``kind`` is file, directory, symlink or other; ``sha256`` only of a file."""

    kind: str
    owner: str
    group: str
    mode: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class UnitState:
    """One systemd unit, in systemd's own words (systemctl show).

    ``active`` is its ActiveState, and ``auto-restart`` while systemd tries it again and again: the
    ActiveState is then *activating*, as that of a unit which is about to run. ``is_back`` is one
    that runs, since systemd has started it again within the last STEADY seconds: who dies at once
    is seen in between as one who runs. ``is_young`` is any that runs for no longer. ``is_frozen``
    has a process that a signal has stopped (SIGSTOP, signal(7)): it runs, and does nothing.
    """

    load: str
    active: str
    unit_file: str
    needs_reload: bool
    is_back: bool = False
    # Of one moment: the same unit is not another one for it.
    is_young: bool = field(default=False, compare=False)
    is_frozen: bool = False


@dataclass(frozen=True, slots=True)
class HostState:
    """What a host is, what drift is held against, and what rooms have read of it (``known``).

    A bare host has empty fields, never faults. ``adopted`` are the components that have once been
    made true; ``has_user_namespaces`` is whether root may make one there (user_namespaces(7)).
    ``var_free_inodes`` is None where the file system makes them as it needs them (btrfs).
    ``sockets`` are the places by which daemons are reached, None where one is not there.
    """

    uid: int
    clock: float
    distribution: str
    release: str
    container: bool
    var_free_kib: int
    hostname: str
    addresses: frozenset[IPv4Address | IPv6Address]
    files: Mapping[str, FileState] = field(repr=False)
    units: Mapping[str, UnitState] = field(repr=False)
    packages: Mapping[str, str] = field(repr=False)
    users: Mapping[str, int] = field(repr=False)
    groups: Mapping[str, int] = field(repr=False)
    stamps: Mapping[str, str] = field(repr=False)
    adopted: frozenset[str] = frozenset()
    has_user_namespaces: bool = True
    var_free_inodes: int | None = None
    sockets: Mapping[str, FileState | None] = field(default_factory=dict, repr=False)
    known: Mapping[str, object] = field(default_factory=dict, repr=False)

    def __getitem__(self, reading: Reading[T]) -> T:
        """What was read of it; its blank where it was not asked for."""
        return cast(T, self.known.get(reading.name, reading.blank))

    def knowing(self, reading: Reading[T], found: T) -> HostState:
        """The same host, of which this was read."""
        return replace(self, known={**self.known, reading.name: found})


def blank() -> HostState:
    """A host of which nothing is known: what the shape of a component is read against."""
    return HostState(
        uid=0,
        clock=0.0,
        distribution="",
        release="",
        container=False,
        var_free_kib=0,
        hostname="",
        addresses=frozenset(),
        files={},
        units={},
        packages={},
        users={},
        groups={},
        stamps={},
    )


@dataclass(frozen=True, slots=True, repr=False)
class Questions:
    """What to ask beyond what is always asked.

    ``searched`` are the words of find(1) for places of which every file is asked about.
    """

    paths: Sequence[str]
    units: Sequence[str]
    packages: Sequence[str]
    users: Sequence[str]
    stamp_folder: str
    sockets: Sequence[str] = ()
    searched: Sequence[str] = ()
    readings: Sequence[Inquiry] = ()

    def __repr__(self) -> str:
        return f"{len(self.paths)} paths, {len(self.units)} units, {len(self.packages)} packages"


def _words(values: Iterable[str]) -> str:
    return " ".join(shlex.quote(v) for v in values)


def probe(ask: Questions) -> str:
    """A POSIX shell script (run as root) whose output `parse` reads.

    It changes nothing and succeeds on a host that has none of the programs it would like to ask.
    What they say to standard error is kept: whether a program could not start is seen there alone
    (`postroad.host.question.fault`), and else it would read as what it did not tell.
    """
    return "\n".join(
        [
            f"export LC_ALL=C PATH={PATH}",
            f"m() {{ echo; echo '{MARK}'\"$1\"; }}",
            _side_by_side(
                [
                    *(
                        f"{part}\nm {end}"
                        for end, part in zip(
                            PART_ENDS,
                            (_files_and_names(ask), _services(ask), _packages(ask)),
                            strict=True,
                        )
                    ),
                    *(f"{one.shell}\nm {one.end}" for one in ask.readings),
                ]
            ),
            "m end; true",
        ]
    )


def _side_by_side(parts: Iterable[str]) -> str:
    """Shell that runs ``parts`` at once and prints what each says as a whole, in any order.

    A pipeline starts all its commands together (POSIX shell, 2.9.2); each says its own part and
    hands on what comes from the left. No temporary files, and nothing to wait for by hand.
    """
    return " | ".join(["true", *(f"{{ {{ {part}\n}} </dev/null; cat; }}" for part in parts)])


_STAT = "%n|%F|%U|%G|%a"


def _files_and_names(ask: Questions) -> str:
    return "\n".join(
        [
            # A line each, whatever is missing: Debian's testing has no VERSION_ID (os-release(5)).
            "m host; id -u; date +%s.%N; ([ ! -r /etc/os-release ] || . /etc/os-release",
            'echo "${ID:-unknown}"; echo "${VERSION_ID:-unknown}")',
            "systemd-detect-virt -c -q && echo container || echo machine",
            "df -Pk /var | awk 'NR==2 {print $4}'; cat /proc/sys/kernel/hostname",
            "m inodes; df -Pi /var | awk 'NR==2 && $2 > 0 {print $4}'",
            'm addresses; ip -o addr show | awk \'{sub("/.*","",$4); print $4}\'',
            f"m files; stat -c '{_STAT}' {_words(ask.paths)}",
            *(f"{place} -exec stat -c '{_STAT}' {{}} +" for place in ask.searched),
            # Only of what is there: not every sha256sum goes on after a file that is missing.
            f"m hashes; find {_words(ask.paths)} -maxdepth 0 -type f -exec sha256sum {{}} +",
            f'm users; for u in {_words(ask.users)}; do echo "$u $(id -u $u)"; done',
            f'm groups; for u in {_words(ask.users)}; do echo "$u $(id -g $u)"; done',
            f"m stamps; cd {shlex.quote(ask.stamp_folder)} && grep -H . *",
            f"m adopted; ls {ADOPTED}",
            "m user-namespaces; unshare --user true || echo none",
        ]
    )


_UNIT_FACTS = (
    "Id,LoadState,ActiveState,SubState,NRestarts,UnitFileState,NeedDaemonReload,"
    "ActiveEnterTimestampMonotonic"
)


# The services of processes that a signal has stopped. Below user.slice anybody may have a unit of
# any name (cgroups(7)).
_FROZEN = (
    "for f in $(grep -ls '^State:[[:space:]]*T (stopped)' /proc/[0-9]*/status); do "
    "sed -n 's,^[0-9]*:[^:]*:/system\\.slice/\\(.*/\\)\\{0\\,1\\}\\([^/]*\\.service\\)$,\\2,p' "
    '"${f%status}cgroup"; done 2>/dev/null'
)


def _services(ask: Questions) -> str:
    return "\n".join(
        [
            "m units; sed 's/^/Uptime=/; s/ .*//' /proc/uptime",
            f"systemctl show -p {_UNIT_FACTS} -- {_words(ask.units)} || "
            f"! command -v systemctl >/dev/null || echo {SILENT}",
            f"m frozen; {_FROZEN}",
            f"m sockets; for s in {_words(ask.sockets)}; do",
            f'stat -c \'{_STAT}\' "$s" 2>/dev/null || echo "$s"; done',
        ]
    )


def _packages(ask: Questions) -> str:
    return (
        "m packages; dpkg-query -W -f '${Package}|${db:Status-Status}|${Version}\\n' "
        f"{_words(ask.packages)}"
    )


def _sections(output: Iterable[str]) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in output:
        if line.startswith(MARK):
            current = sections.setdefault(line[len(MARK) :].strip(), [])
        elif line.strip():
            current.append(line.rstrip("\n"))
    return sections


# What systemd calls a unit that failed and will be tried again (later: auto-restart-queued, too).
_RETRIES = "auto-restart"
# Seconds after which a daemon has shown that it runs.
STEADY = 5

_KINDS = {
    "regular file": "file",
    "regular empty file": "file",
    "directory": "directory",
    "symbolic link": "symlink",
}


def _files(stats: Iterable[str], hashes: Iterable[str]) -> dict[str, FileState]:
    digests = {path.lstrip("*"): digest for digest, _, path in (h.partition(" ") for h in hashes)}
    digests = {path.strip(): digest for path, digest in digests.items()}
    files = {}
    for line in stats:
        path, kind, owner, group, mode = line.rsplit("|", 4)
        files[path] = FileState(
            _KINDS.get(kind, "other"), owner, group, int(mode, 8), digests.get(path, "")
        )
    return files


def _sockets(lines: Iterable[str]) -> dict[str, FileState | None]:
    told = tuple(lines)
    there: dict[str, FileState | None] = {**_files((line for line in told if "|" in line), ())}
    return there | {line: None for line in told if "|" not in line}


def _active(facts: Mapping[str, str]) -> str:
    active = facts.get("ActiveState", "")
    waits = facts.get("SubState", "").startswith(_RETRIES)
    # Between two waits it is just being started, as a unit is that never failed.
    tries_again = active == "activating" and facts.get("NRestarts", "0") != "0"
    return _RETRIES if waits or tries_again else active


def _is_young(facts: Mapping[str, str], uptime: float) -> bool:
    since = int(facts.get("ActiveEnterTimestampMonotonic", "0")) / 1_000_000
    return facts.get("ActiveState") == "active" and uptime - since < STEADY


def _is_back(facts: Mapping[str, str], uptime: float) -> bool:
    return facts.get("NRestarts", "0") != "0" and _is_young(facts, uptime)


def _units(lines: Iterable[str], frozen: Collection[str]) -> dict[str, UnitState]:
    units: dict[str, UnitState] = {}
    facts: dict[str, str] = {}
    uptime = 0.0

    def keep() -> None:
        if facts.get("Id") and facts.get("LoadState") != "not-found":
            units[facts["Id"]] = UnitState(
                facts.get("LoadState", ""),
                _active(facts),
                facts.get("UnitFileState", ""),
                facts.get("NeedDaemonReload") == "yes",
                _is_back(facts, uptime),
                _is_young(facts, uptime),
                facts["Id"] in frozen,
            )

    for line in lines:
        key, _, value = line.partition("=")
        if key == "Uptime":
            uptime = float(value)
            continue
        if key in facts:
            keep()
            facts = {}
        facts[key] = value
    keep()
    return units


def clock(said: Sections) -> float:
    """What the host's clock showed, a time of the epoch in seconds."""
    return time(said["host"][1])


def parse(output: Iterable[str], readings: Sequence[Inquiry] = ()) -> HostState:
    """The `HostState` that the output of `probe` tells; ValueError where it was cut off."""
    said = _sections(output)
    if not {"end", *PART_ENDS, *(one.end for one in readings)} <= set(said):
        raise ValueError("the host's answer was cut off before its end")
    if SILENT in said["units"]:
        raise ValueError("systemd does not answer there (systemctl show)")
    uid, _, distribution, release, virt, free, hostname = said["host"]
    return HostState(
        uid=int(uid),
        clock=clock(said),
        distribution=distribution,
        release=release,
        container=virt == "container",
        var_free_kib=int(free),
        has_user_namespaces=said["user-namespaces"] != ["none"],
        var_free_inodes=int(said["inodes"][0]) if said.get("inodes") else None,
        hostname=hostname,
        addresses=frozenset(ip_address(a) for a in said["addresses"]),
        files=_files(said["files"], said["hashes"]),
        units=_units(said["units"], said.get("frozen", [])),
        packages={
            name: version
            for name, status, version in (line.split("|") for line in said["packages"])
            if status == "installed"
        },
        users=numbers(said["users"]),
        groups=numbers(said["groups"]),
        stamps={
            name: digest for name, _, digest in (line.partition(":") for line in said["stamps"])
        },
        adopted=frozenset(said.get("adopted", [])),
        sockets=_sockets(said.get("sockets", [])),
        known={one.reading.name: one.reading.parse(said) for one in readings},
    )
