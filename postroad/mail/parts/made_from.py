"""What instances are made from, among the files of other parts. Pure."""

from __future__ import annotations

from postroad.host import programs
from postroad.host.component import File
from postroad.mail.parts import tools, units
from postroad.mail.parts.part import Builder


def unit_files(builder: Builder, *instances: str) -> tuple[File, ...]:
    """The unit templates of these instances, and a program of ours that they run."""
    paths = {f"/etc/systemd/system/{unit.partition('@')[0]}@.service" for unit in instances}
    if any("-milter@" in unit for unit in instances):
        paths |= programs.places_of("milter")
    return made(builder, paths)


def made(builder: Builder, paths: set[str]) -> tuple[File, ...]:
    """These files of the parts that units are made from."""
    rows = (*units.PART.rows, *tools.PART.rows)
    return builder.files(row for row in rows if row.path in paths)
