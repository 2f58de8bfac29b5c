"""Files that were on a host before postroad: kept aside once, as they were. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from postroad.host.component import Component
from postroad.host.found import HostState


def replaced(components: Iterable[Component], state: HostState) -> Iterator[str]:
    """The paths of somebody else's files that a run would replace."""
    for component in components:
        if component.name in state.adopted:
            continue
        for file in component.files:
            found = state.files.get(file.path)
            if found is None or found.kind == "directory" or found.sha256 == file.sha256:
                continue
            yield file.path
