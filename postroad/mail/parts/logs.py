"""One log an instance, rotated and kept as long as declared."""

from __future__ import annotations

from postroad.host.component import Component, Directory, Unit
from postroad.host.paths import LOGS
from postroad.mail.parts.part import Builder, Part, Rows
from postroad.mail.parts.row import Row

ROWS = (Row("base/logrotate.j2", "/etc/logrotate.d/postroad"),)


def _make(builder: Builder, rows: Rows) -> Component:
    return Component(
        "logs",
        # Whoever becomes postfix reaches its logs (its unit says why); others see none of it.
        directories=(Directory(LOGS, group="postfix", mode=0o750),),
        files=builder.files(rows),
        units=(Unit("logrotate.timer"),),
    )


PART = Part(
    "logs",
    "Logs",
    ROWS,
    _make,
)
