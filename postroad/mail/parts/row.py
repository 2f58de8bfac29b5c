"""A row: one file on a host. Template → path, owner, mode, and who reads it. Pure.

Rendering, applying, drift, the audit and removal all read the rows of the parts; no path or mode of
a file stands anywhere else. ``{stream}`` in a path or unit is replaced for each stream that the
host carries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from postroad.settings.model import Estate, StreamName


def always(estate: Estate) -> bool:
    """A row that every estate wants."""
    return True


def asks_itself(estate: Estate) -> bool:
    """A row of the estates whose hosts ask their own resolver: a lone box asks its network's."""
    return not estate.lone


@dataclass(frozen=True, slots=True)
class Row:
    """One file on a host.

    ``template`` is below templates/; a name without ``.j2`` is a module's, installed as it lies
    (`postroad.host.programs.source`). ``reader`` is the unit that must read it anew.
    ``only_where`` is a folder without which it makes no sense. ``before`` is what a host has in
    this place without postroad: nothing, perhaps a file of its own, or surely one, because it
    cannot be without. ``wanted`` says of which estates. ``part`` is the name of the part that it
    belongs to, which writes it there itself.
    """

    template: str
    path: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644
    secret: bool = False
    reader: str = ""
    only_where: str = ""
    before: Literal["nothing", "perhaps", "surely"] = "nothing"
    wanted: Callable[[Estate], bool] = always
    part: str = ""
    stream: StreamName | None = None

    def of_stream(self, stream: StreamName) -> Row:
        """This row for one stream."""
        return replace(
            self,
            path=self.path.replace("{stream}", stream),
            reader=self.reader.replace("{stream}", stream),
            part=stream,
            stream=stream,
        )
