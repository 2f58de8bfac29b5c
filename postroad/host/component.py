"""A component: files, directories and units that stand or fall together on one host. Pure.

One operation owns "files and their activation", because a reload that hangs on "did a file change
in this run" is lost when a run dies between the two. The digest of what was last activated is kept
on the host (its *stamp*): removed before the first file is touched, written after the last unit
has answered. A stamp that is missing or different is drift like any other (`postroad.host.drift`),
and the next run (`postroad.host.change`) completes what the last one began.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class File:
    """One file as it must be: whole content, owner, group and mode (an octal number)."""

    path: str
    content: bytes = field(repr=False)
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Directory:
    path: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o755


@dataclass(frozen=True, slots=True)
class Socket:
    """A place by which others reach a unit, made when it starts; its owner may be dynamic."""

    path: str
    group: str
    mode: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit as it must be, and which of the component's files it reads.

    A change to one of ``reads`` reloads it, or restarts it where ``on_change`` says so, or where
    the shell test ``restart_if`` (run with $stage before the files are replaced) is true.
    ``active`` is ``settled`` for units that systemd may rightly leave stopped (a condition in a
    container, a timer's oneshot). One whose ``sockets`` are not as they must be is restarted.
    """

    name: str
    enabled: bool = True
    active: Literal["running", "settled"] = "running"
    reads: tuple[str, ...] = ()
    on_change: Literal["reload", "restart"] = "reload"
    restart_if: str | None = None
    sockets: tuple[Socket, ...] = ()


@dataclass(frozen=True, slots=True)
class Component:
    """What must be true together. ``gate`` refuses bad files before any of them is in place.

    ``gate`` and ``activate`` are shell commands; the gate sees the staged tree as $stage, and any
    word on its standard error is a refusal. ``activate`` runs after the files are in place and
    before the units. ``masked`` units must never start; ``absent`` paths must not exist, nor
    ``left`` ones, files or folders of ours that an earlier version had.
    ``instances`` are made from the unit files among ``files``, and run by other components (or by
    dpkg, `postroad.mail.parts.names.REFRESH_UNIT`). ``unit_files`` are those that
    its ``units`` are made from: after a change to one, its units are restarted.
    """

    name: str
    directories: tuple[Directory, ...] = ()
    files: tuple[File, ...] = ()
    absent: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    units: tuple[Unit, ...] = ()
    masked: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    unit_files: tuple[File, ...] = ()
    gate: str | None = None
    activate: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        return (
            *(d.path for d in self.directories),
            *(f.path for f in self.files),
            *self.absent,
            *self.left,
        )

    @property
    def is_activated(self) -> bool:
        """Whether it is something on a host, and not only what must not be there."""
        return bool(self.files or self.units)

    @property
    def unit_names(self) -> tuple[str, ...]:
        return (*(u.name for u in self.units), *self.masked, *self.instances)

    @property
    def digest(self) -> str:
        """What is activated: every file's content, and the units that read them.

        Where there are ``unit_files``, theirs stands behind a dot: units read them when they start.
        """
        own = activated(_contents(self.files), self)
        if not self.unit_files:
            return own
        return f"{own}.{_digest(_contents(self.unit_files))}"

    def is_run_from(self, stamp: str) -> bool:
        """Whether the units were started from the ``unit_files`` as they are, by this stamp."""
        return stamp.partition(".")[2] == self.digest.partition(".")[2]


def activated(contents: list[str], component: Component) -> str:
    """The digest of these contents, and of the units of ``component``, which read them."""
    return _digest([*contents, *(u.name for u in component.units), *component.activate])


def _contents(files: Iterable[File]) -> list[str]:
    return [f"{f.path} {f.sha256}" for f in sorted(files, key=lambda f: f.path)]


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
