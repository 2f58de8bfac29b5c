"""Time synchronisation. In a container the clock is the machine's, and the unit rests."""

from __future__ import annotations

from postroad.host.component import Component, Directory, Unit
from postroad.mail.parts.part import Builder, Part, Rows
from postroad.mail.parts.row import Row

ROWS = (
    Row(
        "base/timesyncd.conf.j2",
        "/etc/systemd/timesyncd.conf.d/postroad.conf",
        reader="systemd-timesyncd.service",
    ),
)


def _make(builder: Builder, rows: Rows) -> Component:
    unit = Unit(
        "systemd-timesyncd.service",
        active="settled",
        reads=tuple(row.path for row in rows),
        on_change="restart",
    )
    # systemd-timesyncd(8) reads it as a user of its own.
    folders = tuple(Directory(row.path.rpartition("/")[0]) for row in rows)
    return Component("clock", directories=folders, files=builder.files(rows), units=(unit,))


PART = Part(
    "clock",
    "Time synchronisation",
    ROWS,
    _make,
    then=("systemctl try-restart systemd-timesyncd.service",),
)
