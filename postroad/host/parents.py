"""The folders above what is ours: whoever may write one of them leads root where he likes. Pure.

A name that root acts on is safe where root alone may write all folders above it: then nobody can
put a link in its place, neither before root looks nor after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from postroad.host.component import Component
from postroad.host.found import FileState, HostState

# Distributions let these groups write there: Debian policy §9.1.2 (staff is as good as root), §11.6
# (mail), and Ubuntu's rsyslog. What of ours is below /var/mail and /var/log is a folder, and those
# are made without following (`postroad.host.shell.FOLDER`).
_OF_DISTRIBUTIONS = {
    ("/var/mail", "mail"),
    ("/var/log", "syslog"),
    ("/usr/local", "staff"),
    ("/usr/local/lib", "staff"),
    ("/usr/local/share", "staff"),
    ("/usr/local/share/ca-certificates", "staff"),
}


def above(paths: Iterable[str]) -> tuple[str, ...]:
    """Every folder above ``paths``, each once, from the root on."""
    found = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    return tuple(sorted(found))


def exposed(components: Iterable[Component], state: HostState) -> Iterator[tuple[str, str]]:
    """Each folder above the components' paths that others than root may write, and how.

    Those that a component declares are left out: they are its drift, and a run takes them over.
    """
    parts = tuple(components)
    declared = {folder.path for part in parts for folder in part.directories}
    for path in above(path for part in parts for path in part.paths):
        found = state.files.get(path)
        if found is not None and path not in declared and (how := _how(path, found)):
            yield path, how


def _how(path: str, found: FileState) -> str:
    if found.owner != "root":
        return f"belongs to {found.owner}"
    if found.kind == "symlink":
        return ""
    if found.mode & 0o002:
        return "may be written by everybody"
    if found.mode & 0o020 and (path, found.group) not in _OF_DISTRIBUTIONS:
        return f"may be written by the group {found.group}"
    return ""


def mend(path: str) -> str:
    """What an operator does about an exposed folder."""
    return f"chown root:root {path} && chmod go-w {path}"


def refusals(components: Iterable[Component], state: HostState) -> Iterator[str]:
    """A sentence for each folder that keeps a run from touching the host."""
    for path, how in exposed(components, state):
        yield (
            f"{path} {how}, who could lead root's work below it elsewhere by a link: look what is "
            f"in it, then {mend(path)}"
        )
