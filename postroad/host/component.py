"""A component: files, directories and units that stand or fall together on one host.

One operation owns "files and their activation", because a reload that hangs on "did a file change
in this run" is lost when a run dies between the two. The digest of what was last activated is kept
on the host (its *stamp*): removed before the first file is touched, written after the last unit
has answered. A stamp that is missing or different is drift like any other, and the next run
completes what the last one began.

Everything here is pure: `drift` names what differs, `script` writes the shell that mends it.
Secrets travel inside that script over standard input, never in an argument.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from postroad.host.found import FileState, HostState, UnitState
from postroad.host.paths import ADOPTED, BEFORE, MAKE_RUN_FOLDER, RUN_LOCK, STAGE, STAMPS
from postroad.host.shell import FOLDER, RIGHTS

# What a drift calls the service manager itself, when it has not read the unit files as they are.
SERVICE_MANAGER = "systemd"
# How a `Drift` calls a file of other content; `postroad diff` shows the lines.
CONTENT = "content"
_UNREAD = "unit file newer than what systemd has read"
LEFT = "left by an earlier postroad"
OLDER_UNITS = "runs from an older unit file, and is restarted"
_NOT_FINISHED = "files in place, activation not finished"

ENABLED = ("enabled", "static", "generated", "indirect", "alias")


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
    dpkg, `postroad.mail.parts.manifest.REFRESH_UNIT`). ``unit_files`` are those that
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
        activated = _activated(_contents(self.files), self)
        if not self.unit_files:
            return activated
        return f"{activated}.{_digest(_contents(self.unit_files))}"

    def is_run_from(self, stamp: str) -> bool:
        """Whether the units were started from the ``unit_files`` as they are, by this stamp."""
        return stamp.partition(".")[2] == self.digest.partition(".")[2]


def _activated(contents: list[str], component: Component) -> str:
    return _digest([*contents, *(u.name for u in component.units), *component.activate])


def _contents(files: Iterable[File]) -> list[str]:
    return [f"{f.path} {f.sha256}" for f in sorted(files, key=lambda f: f.path)]


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that is not as declared: ``thing`` is its path or unit, ``how`` what differs."""

    thing: str
    how: str

    def __str__(self) -> str:
        return f"{self.thing} ({self.how})"


def _path_drift(
    path: str, kind: str, owner: str, group: str, mode: int, found: FileState | None
) -> list[Drift]:
    if found is None:
        return [Drift(path, "missing")]
    if found.kind != kind:
        return [Drift(path, f"is a {found.kind}, not a {kind}")]
    drifts = []
    if (found.owner, found.group) != (owner, group):
        drifts.append(Drift(path, f"owner {found.owner}:{found.group}, not {owner}:{group}"))
    if found.mode != mode:
        drifts.append(Drift(path, f"mode {found.mode:04o}, not {mode:04o}"))
    return drifts


def _file_drift(file: File, state: HostState) -> list[Drift]:
    found = state.files.get(file.path)
    drifts = _path_drift(file.path, "file", file.owner, file.group, file.mode, found)
    if found is not None and found.kind == "file" and found.sha256 != file.sha256:
        drifts.append(Drift(file.path, CONTENT))
    return drifts


def _is_masked(found: UnitState | None) -> bool:
    return found is not None and found.unit_file in ("masked", "masked-runtime")


def _unit_drift(unit: Unit, component: Component, state: HostState) -> list[Drift]:
    found = state.units.get(unit.name)
    if found is None:
        return [Drift(unit.name, "not loaded")]
    drifts = []
    if _is_masked(found):
        drifts.append(Drift(unit.name, "is masked"))
    elif unit.enabled and found.unit_file not in ENABLED:
        drifts.append(Drift(unit.name, f"is {found.unit_file or 'not enabled'}, not enabled"))
    if unit.active == "running" and found.active not in ("active", "reloading", "activating"):
        drifts.append(Drift(unit.name, f"is {found.active}, not active"))
    drifts += [Drift(unit.name, how) for how in _hindered(unit, state)]
    if found.needs_reload and not _is_made_by_another(unit, component):
        drifts.append(Drift(unit.name, _UNREAD))
    return drifts


def _hindered(unit: Unit, state: HostState) -> Iterator[str]:
    """Why a unit that runs is of no use to others, and is so until it is started anew."""
    found = state.units.get(unit.name)
    if found is None or unit.active != "running" or found.active != "active":
        return
    if found.is_frozen:
        yield "stands still, stopped by a signal (SIGSTOP)"
    for socket in unit.sockets:
        if socket.path not in state.sockets:
            continue
        place = state.sockets[socket.path]
        if place is None:
            # One that has just been started may still be at it.
            if not found.is_young:
                yield f"{socket.path} is gone"
        elif place.group != socket.group:
            yield f"{socket.path} is of group {place.group}, not {socket.group}"
        elif place.mode != socket.mode:
            yield f"{socket.path} has mode {place.mode:04o}, not {socket.mode:04o}"


def _is_made_by_another(unit: Unit, component: Component) -> bool:
    """Whether the unit's file, which for an instance is its template's, is another component's."""
    names = {file.path.rpartition("/")[2] for file in component.unit_files}
    return "@" in unit.name or unit.name in names


def _has_unread_files(component: Component, state: HostState) -> bool:
    found = (state.units.get(name) for name in component.instances)
    return any(unit is not None and unit.needs_reload for unit in found)


def drift(component: Component, state: HostState) -> tuple[Drift, ...]:
    """Everything of ``component`` that is not as declared, in the order of its parts."""
    refused = tuple(planted(component, state))
    drifts: list[Drift] = [*refused]
    known = {one.thing for one in refused}
    for d in component.directories:
        if d.path in known:
            continue
        drifts += _path_drift(
            d.path, "directory", d.owner, d.group, d.mode, state.files.get(d.path)
        )
    for file in component.files:
        if file.path not in known:
            drifts += _file_drift(file, state)
    drifts += [Drift(p, "must not exist") for p in component.absent if p in state.files]
    drifts += [Drift(p, LEFT) for p in component.left if p in state.files]
    for unit in component.units:
        drifts += _unit_drift(unit, component, state)
    for name in component.masked:
        found = state.units.get(name)
        if found is None or found.unit_file != "masked":
            drifts.append(Drift(name, "is not masked"))
    if not drifts and _has_unread_files(component, state):
        drifts.append(Drift(SERVICE_MANAGER, _UNREAD))
    stamp = state.stamps.get(component.name)
    if component.is_activated and not drifts and stamp != component.digest:
        is_older = stamp is not None and not component.is_run_from(stamp)
        drifts.append(Drift(component.name, OLDER_UNITS if is_older else _NOT_FINISHED))
    return tuple(drifts)


def is_as_left(component: Component, state: HostState) -> bool:
    """Whether the component's files are those that the last run put there, by its stamp.

    Where they differ from what is wanted now, what is wanted has changed since, and not the host.
    """
    places = (*(f.path for f in component.files), *component.absent)
    found = {path: state.files[path].sha256 for path in places if path in state.files}
    left = _activated([f"{path} {found[path]}" for path in sorted(found)], component)
    return state.stamps.get(component.name, "").partition(".")[0] == left


def planted(component: Component, state: HostState) -> Iterator[Drift]:
    """What stands in the place of something of ours, and may lead root elsewhere.

    A run does not mend it: whoever put it there can do so again, and its reason is to be found. A
    link of root's in the place of a file is none, and is replaced.
    """
    for d in component.directories:
        found = state.files.get(d.path)
        if found is not None and found.kind not in ("directory", "file"):
            yield Drift(d.path, f"is a {found.kind}, not a directory")
    for file in component.files:
        found = state.files.get(file.path)
        if found is not None and found.kind == "symlink" and found.owner != "root":
            yield Drift(file.path, f"is a symlink of {found.owner}'s, not a file")


def _refusal(component: Component, found: Iterable[Drift]) -> str:
    """Shell that ends a run at what was planted, with nothing changed."""
    said = "".join(f"\n{one}: look who made it, and remove it" for one in found)
    text = f"{component.name}: nothing was changed, for this would lead elsewhere:{said}"
    return f"echo {shlex.quote(text)} >&2; exit 1"


def _made(directory: Directory, found: FileState | None) -> Iterator[str]:
    """Shell that makes one directory as declared."""
    path = shlex.quote(directory.path)
    if found is not None and found.kind == "file":
        # Moved, not removed: below /var/mail it may be somebody's mailbox.
        yield f"mv -fT {path} {shlex.quote(directory.path + '.postroad-old')}"
    yield f"folder {path} {directory.owner}:{directory.group} {directory.mode:05o}"


# Before a component is made true for the first time, what it replaces is somebody else's: kept
# once, with owner, mode and time, and by umask in folders that are closed to others.
_KEEP = (
    'keep() { if [ -d "$1" ] && [ ! -L "$1" ]; then return; fi; '
    'if [ ! -e "$1" ] && [ ! -L "$1" ]; then return; fi; '
    f'kept="{BEFORE}$1"; if [ -e "$kept" ] || [ -L "$kept" ]; then return; fi; '
    'mkdir -p "${kept%/*}"; rm -f "$kept.new"; '
    'cp -a "$1" "$kept.new"; mv -fT "$kept.new" "$kept"; }'
)


def _staged(file: File) -> str:
    """Shell that writes one file under $stage, readable by nobody before its mode is set."""
    folder, target = file.path.rpartition("/")[0], f'"$stage"{shlex.quote(file.path)}'
    payload = base64.b64encode(file.content).decode()
    return (
        f'mkdir -p "$stage"{shlex.quote(folder)}\n'
        f"base64 -d > {target} <<'POSTROAD_END'\n{payload}\nPOSTROAD_END\n"
        f"chown {file.owner}:{file.group} {target}; chmod {file.mode:o} {target}\n"
    )


def _replaced(file: File) -> str:
    """Shell that moves one staged file into place: never half a file, never a wide mode."""
    target, new = shlex.quote(file.path), shlex.quote(file.path + ".postroad-new")
    return (
        # As a package would make it: daemons that are not root read below it.
        f"(umask 022; mkdir -p {shlex.quote(file.path.rpartition('/')[0])})\n"
        # cp(1) would write through a link of that name, left from when others could write here.
        f'rm -f {new}; cp -pT "$stage"{target} {new}\n'
        f"mv -fT {new} {target}\n"
    )


def _restart_variable(unit: Unit) -> str:
    return "verb_" + "".join(c if c.isalnum() else "_" for c in unit.name)


def _verb(unit: Unit, component: Component, stamp: str | None) -> str:
    """How ``unit`` takes up what it reads, where it is running since this stamp was written."""
    if unit.on_change == "restart" or not component.is_run_from(stamp or ""):
        return "restart"
    if unit.restart_if is None:
        return "reload-or-restart"
    # A run that died may have replaced the very files that the question compares.
    return "restart" if stamp is None else f'"${_restart_variable(unit)}"'


def _unit_lines(unit: Unit, state: HostState, verb: str | None) -> Iterator[str]:
    """Shell that has ``unit`` as declared; ``verb`` is what it takes if it runs already."""
    found = state.units.get(unit.name)
    name = shlex.quote(unit.name)
    if _is_masked(found):
        yield f"systemctl unmask --quiet {name}; systemctl unmask --quiet --runtime {name}"
    if unit.enabled and (found is None or found.unit_file not in ENABLED):
        yield f"systemctl enable --quiet {name}"
    running = found is not None and found.active in ("active", "reloading")
    if found is not None and found.is_frozen:
        yield f"systemctl kill --signal=CONT {name}"
    if unit.active == "running" and not running:
        yield f"systemctl reset-failed {name} 2>/dev/null || :"
        yield f"systemctl start {name}"
    elif verb and running:
        yield f"systemctl {verb} {name}"


def _restart_questions(component: Component) -> Iterator[str]:
    for unit in component.units:
        if unit.restart_if is not None:
            variable = _restart_variable(unit)
            yield f"{variable}=reload; if {unit.restart_if}; then {variable}=restart; fi"


def _beginning(component: Component) -> Iterator[str]:
    yield "postroad() {"
    yield "set -eu; umask 077; export LC_ALL=C"
    yield f"stage={shlex.quote(f'{STAGE}/{component.name}')}"
    yield f"{MAKE_RUN_FOLDER}; exec 9>{RUN_LOCK}"
    yield "flock -w 120 9 || { echo 'another run is still at work on this host' >&2; exit 1; }"


def _checked(component: Component) -> Iterator[str]:
    """Shell that stages every file and ends the script where the gate refuses them."""
    yield 'trap \'rm -rf "$stage"\' EXIT; rm -rf "$stage"; mkdir -p "$stage"'
    yield from map(_staged, component.files)
    if component.gate is None:
        return
    yield (
        # Without the lock: what a killed run's gate leaves behind must not keep the next out.
        f"complaint=$({{ {component.gate}; }} 2>&1 >/dev/null 9>&-)"
        ' || complaint="${complaint:-refused without a word}"'
    )
    yield (
        'if [ -n "$complaint" ]; then printf "%s\\n" '
        f'"{component.name}: refused by its check, nothing was changed:" "$complaint" >&2;'
        " exit 1; fi"
    )


def _whole(lines: Iterable[str]) -> str:
    return "\n".join([*lines, "}", "postroad </dev/null"]) + "\n"


def check_script(component: Component) -> str:
    """Shell that asks the gate of ``component`` and changes nothing; it fails where `script` would.

    For what has to be prepared before a change, and would have to be taken back after a refusal.
    """
    return _whole([*_beginning(component), *_checked(component)])


def script(component: Component, state: HostState) -> str:
    """Shell (POSIX sh, run as root) that makes ``component`` true on a host found in ``state``.

    Order: stage, gate, forget the stamp, replace, activate, clear the stage, write the stamp. It
    may be killed between any two lines: what is in place is whole, and the missing stamp makes the
    next run finish.
    """
    drifts = {d.thing for d in drift(component, state)}
    changed = [
        f
        for f in component.files
        if (found := state.files.get(f.path)) is None
        or found.kind != "file"
        or found.sha256 != f.sha256
    ]
    changed_paths = {f.path for f in changed}
    unfinished = component.is_activated and state.stamps.get(component.name) != component.digest
    # A missing stamp is a run that died: which units it had already reloaded nobody knows.
    known = state.stamps.get(component.name)
    is_older = not component.is_run_from(known or "")
    everything = unfinished and (known is None or is_older or not changed)
    stamp = f"{STAMPS}/{component.name}"
    is_adopted = not component.is_activated or component.name in state.adopted
    left = [path for path in component.left if path in drifts]
    lines = list(_beginning(component))
    if links := tuple(planted(component, state)):
        return _whole([*lines, _refusal(component, links)])
    lines += [FOLDER, RIGHTS]
    if not is_adopted:
        lines.append(_KEEP)
    if changed or unfinished or left:
        lines += _checked(component)
    if changed or unfinished:
        # Without a stamp the answer counts for nothing; and where there is no configuration yet,
        # postconf(1) sleeps a second before it says so.
        if known is not None:
            lines += _restart_questions(component)
        lines.append(f"mkdir -p {STAMPS}; rm -f {shlex.quote(stamp)}")
    for d in component.directories:
        if d.path in drifts:
            lines += _made(d, state.files.get(d.path))
    for file in component.files:
        if file.path in changed_paths:
            if not is_adopted:
                lines.append(f"keep {shlex.quote(file.path)}")
            lines.append(_replaced(file))
        elif file.path in drifts:
            target = shlex.quote(file.path)
            lines.append(f"rights {target} {file.owner}:{file.group} {file.mode:05o}")
    lines += [f"rm -f {shlex.quote(p)}" for p in component.absent if p in drifts]
    # The links in it are removed, and not followed (rm(1)).
    lines += [f"rm -rf {shlex.quote(p)}" for p in left]
    if changed or unfinished:
        lines += component.activate
    if (
        SERVICE_MANAGER in drifts
        or any(u.name in drifts for u in component.units)
        or any(p.startswith("/etc/systemd/system/") for p in changed_paths)
    ):
        lines.append("systemctl daemon-reload")
    for name in component.masked:
        if name in drifts:
            lines.append(f"systemctl mask --now --quiet {shlex.quote(name)}")
            # One that had failed before, as somebody's own signer may have, would stay "failed".
            lines.append(f"systemctl reset-failed {shlex.quote(name)} 2>/dev/null || :")
    for unit in component.units:
        is_stale = everything or bool(changed_paths.intersection(unit.reads))
        verb = _verb(unit, component, known) if is_stale else None
        if any(_hindered(unit, state)):
            verb = "restart"
        lines += _unit_lines(unit, state, verb)
    if not is_adopted:
        lines.append(f"mkdir -p {ADOPTED}; : > {shlex.quote(f'{ADOPTED}/{component.name}')}")
    if changed or unfinished:
        # The stamp is the very last: whatever a run that is killed leaves, the next one comes back.
        lines.append('rm -rf "$stage"')
        lines.append(f"printf '%s\\n' {component.digest} > {shlex.quote(stamp)}.new")
        lines.append(f"mv -f {shlex.quote(stamp)}.new {shlex.quote(stamp)}")
    return _whole(lines)
