"""What a run would change on a host, as people read changes: file by file, line by line. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from postroad.host.component import Component
from postroad.host.drift import Drift
from postroad.host.found import HostState

NOT_SHOWN = "its content is a secret, and is not shown"
NOT_TEXT = "its content is no text"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as declared; ``lines`` are the difference of its content."""

    thing: str
    how: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """What changes together, under the name that it has in a run."""

    title: str
    changes: tuple[Change, ...]


def readable(
    components: Iterable[Component], state: HostState, secrets: Collection[str]
) -> Iterator[str]:
    """The paths of files that a run would write anew, and whose content may be shown."""
    for component in components:
        for file in component.files:
            found = state.files.get(file.path)
            if found is None or found.kind != "file" or found.sha256 == file.sha256:
                continue
            if file.path not in secrets:
                yield file.path


def part(
    component: Component,
    drifts: Iterable[Drift],
    found: Mapping[str, bytes],
    secrets: Collection[str],
) -> Part:
    """The changes of one component; ``found`` are contents as they are on the host."""
    wanted = {file.path: file.content for file in component.files}
    return Part(
        component.name,
        tuple(_change(drift, wanted.get(drift.thing), found, secrets) for drift in drifts),
    )


def _change(
    drift: Drift, wanted: bytes | None, found: Mapping[str, bytes], secrets: Collection[str]
) -> Change:
    if wanted is None or drift.how != "content":
        return Change(drift.thing, drift.how)
    if drift.thing in secrets:
        return Change(drift.thing, drift.how, (NOT_SHOWN,))
    return Change(drift.thing, drift.how, tuple(_difference(found.get(drift.thing, b""), wanted)))


def _difference(old: bytes, new: bytes) -> Iterator[str]:
    try:
        before, after = old.decode().splitlines(), new.decode().splitlines()
    except UnicodeDecodeError:
        yield NOT_TEXT
        return
    lines = difflib.unified_diff(before, after, n=1, lineterm="")
    # The first two are file names, which stand above.
    yield from (_visible(line) for number, line in enumerate(lines) if number > 1)


def _visible(line: str) -> str:
    """A line of a foreign file on somebody's terminal: its control characters are spelled out."""
    return "".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in line)


def text(host: str, parts: Iterable[Part]) -> str:
    """A host's part of the report."""
    changed = [each for each in parts if each.changes]
    if not changed:
        return f"{host}: nothing would change\n"
    lines = [f"{host}:"]
    for each in changed:
        lines.append(f"  {each.title}")
        for change in each.changes:
            how = f" ({change.how})" if change.how else ""
            lines.append(f"    {change.thing}{how}")
            lines += [f"      {line}" for line in change.lines]
    return "\n".join(lines) + "\n"
