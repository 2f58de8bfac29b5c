"""What makes a component true on a host: one script. Pure.

Secrets travel inside it over standard input, never in an argument.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from postroad.host import shell
from postroad.host.component import Component, Directory, File, Unit
from postroad.host.drift import ENABLED, SERVICE_MANAGER, Drift, drift, hindered, is_masked, planted
from postroad.host.found import FileState, HostState
from postroad.host.paths import ADOPTED, BEFORE, STAGE, STAMPS
from postroad.host.shell import FOLDER, RIGHTS


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
    if is_masked(found):
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


def _stage(component: Component) -> str:
    """Shell that says where files wait until all of them have passed the gate."""
    return f"stage={shlex.quote(f'{STAGE}/{component.name}')}"


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


def check_script(component: Component) -> str:
    """Shell that asks the gate of ``component`` and changes nothing; it fails where `script` would.

    For what has to be prepared before a change, and would have to be taken back after a refusal.
    """
    return shell.script([_stage(component), *_checked(component)])


def script(component: Component, state: HostState) -> str:
    """Shell (POSIX sh, run as root) that makes ``component`` true on a host found in ``state``.

    Order: stage, gate, forget the stamp, replace, activate, clear the stage, write the stamp. It
    may be killed between any two lines: what is in place is whole, and the missing stamp makes the
    next run finish.
    """
    if links := tuple(planted(component, state)):
        return shell.script([_refusal(component, links)])
    change = _Change.of(component, state)
    words = (FOLDER, RIGHTS) if change.is_adopted else (FOLDER, RIGHTS, _KEEP)
    lines = (
        _stage(component),
        *change.staged(),
        *change.replaced(),
        *change.activated(),
        *change.finished(),
    )
    return shell.script(lines, *words)


@dataclass(frozen=True, slots=True)
class _Change:
    """What of ``component`` differs on a host found in ``state``, and what that takes.

    ``things`` are the paths and units that are named in its drift, ``changed`` the files of other
    content.
    """

    component: Component
    state: HostState
    things: frozenset[str]
    changed: tuple[File, ...]

    @classmethod
    def of(cls, component: Component, state: HostState) -> _Change:
        things = frozenset(one.thing for one in drift(component, state))
        changed = tuple(file for file in component.files if not _has_content(file, state))
        return cls(component, state, things, changed)

    @property
    def stamp(self) -> str | None:
        """What was last activated. None is a run that died: what it had reloaded nobody knows."""
        return self.state.stamps.get(self.component.name)

    @property
    def is_adopted(self) -> bool:
        """Whether the files in these places are ours already."""
        known = self.component.name in self.state.adopted
        return known or not self.component.is_activated

    @property
    def is_activation(self) -> bool:
        """Whether anything is to be taken up by those who read it, or made anew by a unit."""
        return self.component.is_activated and (
            bool(self.changed) or self.stamp != self.component.digest
        )

    @property
    def left(self) -> tuple[str, ...]:
        """What an earlier version had there, and is to go."""
        return tuple(path for path in self.component.left if path in self.things)

    @property
    def changed_paths(self) -> frozenset[str]:
        return frozenset(file.path for file in self.changed)

    @property
    def _stamp_place(self) -> str:
        return shlex.quote(f"{STAMPS}/{self.component.name}")

    def staged(self) -> Iterator[str]:
        """Shell up to the moment before the first change."""
        if self.is_activation or self.left:
            yield from _checked(self.component)
        if not self.is_activation:
            return
        # Without a stamp the answer counts for nothing; and where there is no configuration yet,
        # postconf(1) sleeps a second before it says so.
        if self.stamp is not None:
            yield from _restart_questions(self.component)
        yield f"mkdir -p {STAMPS}; rm -f {self._stamp_place}"

    def replaced(self) -> Iterator[str]:
        """Shell that has every folder and file as declared."""
        for one in self.component.directories:
            if one.path in self.things:
                yield from _made(one, self.state.files.get(one.path))
        for file in self.component.files:
            yield from self._replaced(file)
        yield from (f"rm -f {shlex.quote(p)}" for p in self.component.absent if p in self.things)
        # The links in it are removed, and not followed (rm(1)).
        yield from (f"rm -rf {shlex.quote(path)}" for path in self.left)

    def _replaced(self, file: File) -> Iterator[str]:
        target = shlex.quote(file.path)
        if file.path in self.changed_paths:
            if not self.is_adopted:
                yield f"keep {target}"
            yield _replaced(file)
        elif file.path in self.things:
            yield f"rights {target} {file.owner}:{file.group} {file.mode:05o}"

    def activated(self) -> Iterator[str]:
        """Shell that has every unit as declared, with what it reads as it is now."""
        if self.is_activation:
            yield from self.component.activate
        if self._changes_unit_files():
            yield "systemctl daemon-reload"
        for name in self.component.masked:
            if name in self.things:
                yield f"systemctl mask --now --quiet {shlex.quote(name)}"
                # One that had failed before, as somebody's own signer may have, would stay so.
                yield f"systemctl reset-failed {shlex.quote(name)} 2>/dev/null || :"
        for unit in self.component.units:
            yield from _unit_lines(unit, self.state, self._verb(unit))

    def _changes_unit_files(self) -> bool:
        return (
            SERVICE_MANAGER in self.things
            or any(unit.name in self.things for unit in self.component.units)
            or any(path.startswith("/etc/systemd/system/") for path in self.changed_paths)
        )

    def _verb(self, unit: Unit) -> str | None:
        """What ``unit`` takes, where it runs already; None where nothing of it has changed."""
        if any(hindered(unit, self.state)):
            return "restart"
        is_stale = self._is_all_stale() or bool(self.changed_paths.intersection(unit.reads))
        return _verb(unit, self.component, self.stamp) if is_stale else None

    def _is_all_stale(self) -> bool:
        """Whether no unit is known to have read what is there."""
        if self.stamp == self.component.digest:
            return False
        is_older = not self.component.is_run_from(self.stamp or "")
        return self.stamp is None or is_older or not self.changed

    def finished(self) -> Iterator[str]:
        """Shell that writes down that all of it is done."""
        if not self.is_adopted:
            yield f"mkdir -p {ADOPTED}; : > {shlex.quote(f'{ADOPTED}/{self.component.name}')}"
        if self.is_activation:
            # The stamp is the very last: whatever a killed run leaves, the next one comes back.
            yield 'rm -rf "$stage"'
            yield f"printf '%s\\n' {self.component.digest} > {self._stamp_place}.new"
            yield f"mv -f {self._stamp_place}.new {self._stamp_place}"


def _has_content(file: File, state: HostState) -> bool:
    found = state.files.get(file.path)
    return found is not None and found.kind == "file" and found.sha256 == file.sha256
