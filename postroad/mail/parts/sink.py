"""Where all mail of a lone box ends: a file for each message, as it would have left."""

from __future__ import annotations

from postroad.host.component import Component, Directory, Unit
from postroad.host.paths import MAILBOX_USER, SINK
from postroad.mail.parts.names import MAILBOXES_FOLDER
from postroad.mail.parts.part import Builder, Part, Rows
from postroad.mail.parts.row import Row

ROWS = (
    Row(
        "systemd/postroad-sink.service.j2",
        "/etc/systemd/system/postroad-sink.service",
        reader="postroad-sink.service",
    ),
)


def _make(builder: Builder, rows: Rows) -> Component:
    (row,) = rows
    owner = {"owner": MAILBOX_USER, "group": MAILBOX_USER}
    return Component(
        "sink",
        directories=(MAILBOXES_FOLDER, Directory(SINK, mode=0o700, **owner)),
        files=builder.files(rows),
        units=(Unit(row.reader, reads=(row.path,), on_change="restart"),),
        gate=f'systemd-analyze verify --man=no "$stage"{row.path}',
    )


PART = Part(
    "sink",
    "Sink of a lone box",
    ROWS,
    _make,
    is_on=lambda estate, host: estate.lone,
)
