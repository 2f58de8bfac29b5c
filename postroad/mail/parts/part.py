"""A part of a host: all that is known of it, in one place. Pure.

Its rows are every file that it may have, on any host of any estate; how it is made of them is a
`postroad.host.component.Component`. The order of parts is in `postroad.mail.parts.order`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from postroad.host.component import Component, File
from postroad.host.found import HostState
from postroad.mail.parts.row import Row
from postroad.mail.render import HostFacts, Renderer
from postroad.settings.model import Estate, Host

Rows = tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds the components of one host as it is in ``state``."""

    estate: Estate
    host: Host
    state: HostState
    facts: HostFacts
    renderer: Renderer

    def files(self, rows: Iterable[Row]) -> tuple[File, ...]:
        """The files of these rows, but for those that make no sense there."""
        wanted = (r for r in rows if not r.only_where or r.only_where in self.state.files)
        return tuple(self.renderer.file(row, self.estate, self.host, self.facts) for row in wanted)

    def build(self, part: Part) -> Component:
        """The component of ``part`` as it must be."""
        return part.make(self, part.wanted_by(self.estate))


def every_host(estate: Estate, host: Host) -> bool:
    """A part that no host is without."""
    return True


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a host.

    ``title`` is what a run calls it. ``make`` makes it of the rows that the estate wants. ``then``
    is shell for a host that leaves, when its files are gone, or are again what they were before.
    """

    name: str
    title: str
    rows: Rows
    make: Callable[[Builder, Rows], Component]
    is_on: Callable[[Estate, Host], bool] = every_host
    then: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        named = tuple(row if row.part else replace(row, part=self.name) for row in self.rows)
        object.__setattr__(self, "rows", named)

    def wanted_by(self, estate: Estate) -> Rows:
        """The rows that ``estate`` wants, whatever a host is like now."""
        return tuple(row for row in self.rows if row.wanted(estate))
