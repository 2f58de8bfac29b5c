"""What of a component is not as declared on a host, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from postroad.host.component import Component, File, Unit, activated
from postroad.host.found import FileState, HostState, UnitState

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


def is_masked(found: UnitState | None) -> bool:
    return found is not None and found.unit_file in ("masked", "masked-runtime")


def _unit_drift(unit: Unit, component: Component, state: HostState) -> list[Drift]:
    found = state.units.get(unit.name)
    if found is None:
        return [Drift(unit.name, "not loaded")]
    drifts = []
    if is_masked(found):
        drifts.append(Drift(unit.name, "is masked"))
    elif unit.enabled and found.unit_file not in ENABLED:
        drifts.append(Drift(unit.name, f"is {found.unit_file or 'not enabled'}, not enabled"))
    if unit.active == "running" and found.active not in ("active", "reloading", "activating"):
        drifts.append(Drift(unit.name, f"is {found.active}, not active"))
    drifts += [Drift(unit.name, how) for how in hindered(unit, state)]
    if found.needs_reload and not _is_made_by_another(unit, component):
        drifts.append(Drift(unit.name, _UNREAD))
    return drifts


def hindered(unit: Unit, state: HostState) -> Iterator[str]:
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
    left = activated([f"{path} {found[path]}" for path in sorted(found)], component)
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
