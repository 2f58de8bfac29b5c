"""What a lab writes down for those who use it, and for its own end: lab.json, directories."""

import fcntl
import hashlib
import json
import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from lab.hosts.errors import LabError
from lab.hosts.guest import Guest, wait_until
from lab.hosts.network import Network
from lab.hosts.qemu import Machine

RUN = Path("/run/postroad-lab")
DATA = Path("/var/lib/postroad-lab")
# Never removed: who shares it shares the records, and its place on its disk tells one root's from
# another's.
_LOCK = RUN / "lock"

# Raised with every change of lab.json that an older or newer clone would misread.
_FORMAT = 3


@dataclass(frozen=True)
class Process:
    """A process of the lab. Its start time tells it from a later one with the same id."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> "Process":
        """The running process *pid*."""
        return cls(pid, _start_time(pid))

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self.started != 0 and _start_time(self.pid) == self.started

    def kill(self) -> None:
        """Kill it, if it still runs: it, and no later one with its number (pidfd_open(2))."""
        try:
            held = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if self.is_alive():
                signal.pidfd_send_signal(held, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            os.close(held)

    def end(self) -> None:
        """Kill it, if it still runs, and wait until it is gone."""
        if self.is_alive():
            self.kill()
            wait_until(lambda: not self.is_alive(), 10, f"process {self.pid}: end")


def _start_time(pid: int) -> int:
    """Clock ticks from the machine's boot to the start of *pid* (proc(5)); 0 if there is none."""
    try:
        # A process may call itself anything, also by what is no text.
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return 0
    after_name = text.rpartition(")")[2].split()
    return 0 if after_name[0] in "ZX" else int(after_name[19])


Kind = Literal["target", "machine", "world"]


@dataclass(frozen=True)
class Host:
    """A host as lab.json tells it.

    Its kind is `target` (a bare host, in a container), `machine` (one with a kernel of its own) or
    `world` (part of the internet).
    """

    kind: Kind
    image: str
    suffixes: tuple[int, ...]

    @property
    def is_bare(self) -> bool:
        """Whether it is the operator's, who deploys to it."""
        return self.kind != "world"


@dataclass(frozen=True)
class State:
    """The content of lab.json. ``name`` tells several labs of one checkout apart."""

    number: int
    clone: str
    name: str = "lab"
    hosts: Mapping[str, Host] = field(default_factory=dict)
    processes: Mapping[str, Process] = field(default_factory=dict)

    @property
    def network(self) -> Network:
        """The lab's network."""
        return Network(self.number, mark(self.clone, self.name))

    @property
    def folder(self) -> Path:
        """Where it is found in its checkout."""
        return Path(self.clone) / "build" / self.name

    @property
    def run(self) -> Path:
        """Keys, hints, certificates: small files, gone when the machine restarts."""
        return RUN / str(self.number)

    @property
    def data(self) -> Path:
        """Guests' layers, mail, zones."""
        return DATA / str(self.number)

    def guest(self, name: str) -> Guest:
        """The guest *name*; raises LabError naming those there are."""
        if name not in self.hosts:
            raise LabError(f"no host {name!r} in the lab: there are {', '.join(self.hosts)}")
        host = self.hosts[name]
        kind = Machine if host.kind == "machine" else Guest
        return kind(
            name=name,
            image=Path(host.image),
            suffixes=tuple(host.suffixes),
            network=self.network,
            guests=self.data / "guests",
            ssh_key=self.run / "ssh" / "id_ed25519",
            known_hosts=self.run / "ssh" / "known_hosts",
        )

    def guests(self) -> dict[str, Guest]:
        """All guests by name."""
        return {name: self.guest(name) for name in self.hosts}


def mark(clone: str, name: str) -> str:
    """What this lab's things are marked with: ten hexadecimal digits.

    They stand for the checkout, the lab's name in it, and the root whose records these are: two
    roots may have a checkout at the same place, and see the same processes and interfaces.
    """
    record = _LOCK.stat()
    whose = f"{record.st_dev}:{record.st_ino}:{clone}:{name}"
    return hashlib.sha256(whose.encode()).hexdigest()[:10]


def save(state: State, facts: Mapping[str, Any]) -> None:
    """Write lab.json, with *facts* that follow from the state spelled out for other readers."""
    content = {"format": _FORMAT, **facts, **asdict(state)}
    place = state.run / "lab.json"
    new = place.with_suffix(".new")
    new.write_text(json.dumps(content, indent=2) + "\n")
    new.rename(place)
    link = state.folder / "lab.json"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(place)


def read(number: int) -> State | None:
    """The state of lab *number*, or None where there is none that this version can read."""
    try:
        content = json.loads((RUN / str(number) / "lab.json").read_text())
    except (OSError, ValueError):
        return None
    if content.get("format") != _FORMAT:
        return None
    return State(
        number=content["number"],
        clone=content["clone"],
        name=content["name"],
        hosts={
            name: Host(row["kind"], row["image"], tuple(row["suffixes"]))
            for name, row in content["hosts"].items()
        },
        processes={name: Process(**row) for name, row in content["processes"].items()},
    )


def numbers() -> list[int]:
    """The numbers of all labs that have left anything on this machine."""
    places = [*RUN.glob("[0-9]*"), *DATA.glob("[0-9]*")]
    return sorted({int(place.name) for place in places if place.name.isdigit()})


def all_known() -> list[State]:
    """The labs of this root that this version can read, dead or alive."""
    return [state for state in map(read, numbers()) if state]


def of_clone(clone: Path) -> list[State]:
    """The labs that belong to this checkout, dead or alive."""
    return [state for state in all_known() if state.clone == str(clone)]


def without_record() -> list[int]:
    """The numbers of labs of which nothing but data is left, as after a restart of the machine."""
    return [number for number in numbers() if not (RUN / str(number) / "lab.json").exists()]


def forget(number: int) -> None:
    """Remove the directories of lab *number* and the link in its clone."""
    state = read(number)
    if state:
        link = state.folder / "lab.json"
        if link.is_symlink() and link.readlink() == state.run / "lab.json":
            link.unlink()
    for parent in (DATA, RUN):
        shutil.rmtree(parent / str(number), ignore_errors=True)


@contextmanager
def lock() -> Iterator[None]:
    """Hold the machine's labs: two commands that make or remove labs wait for each other."""
    RUN.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _LOCK.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
