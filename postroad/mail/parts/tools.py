"""What postroad itself runs on the host, and the folders that its parts share."""

from __future__ import annotations

from postroad.host import programs
from postroad.host.component import Component, Directory
from postroad.host.paths import CONFIG, LOCKS, OPENED, STATE, VERSION_FILE
from postroad.mail.parts.names import TMPFILES
from postroad.mail.parts.part import Builder, Part, Rows
from postroad.mail.parts.row import Row

ROWS = (
    Row("ufw/tmpfiles.conf.j2", TMPFILES),
    # With the first of its files: what a newer version has begun is not for an older one to end.
    Row("postroad/version.j2", VERSION_FILE),
    *(Row(programs.source(module), programs.place(module)) for module in programs.installed()),
)


def _make(builder: Builder, rows: Rows) -> Component:
    return Component(
        "tools",
        directories=tuple(map(Directory, (CONFIG, *programs.folders(), STATE, OPENED))),
        files=builder.files(rows),
        # Other files: whoever has opened the ones before can lock them.
        activate=(f"rm -f {' '.join(LOCKS)}; systemd-tmpfiles --create {TMPFILES}",),
    )


PART = Part(
    "tools",
    "Tools of postroad",
    ROWS,
    _make,
)
