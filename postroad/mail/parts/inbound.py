"""Port 25: bounces, complaints, postmaster and abuse, into Maildirs. Pure."""

from __future__ import annotations

from postroad.host import programs
from postroad.host.component import Component, Directory, File, Socket, Unit
from postroad.host.paths import BUDGET_SOCKET, MAILBOX_USER, MAILBOXES
from postroad.mail.parts.canary import canary
from postroad.mail.parts.made_from import made, unit_files
from postroad.mail.parts.names import (
    BUDGET_UNIT,
    INBOUND_UNIT,
    MAILBOXES_FOLDER,
    TIDY_TIMER,
    instance_directories,
    listeners_change,
)
from postroad.mail.parts.part import Builder, Part, Rows
from postroad.mail.parts.row import Row

ROWS = (
    Row("postfix/inbound.main.cf.j2", "/etc/postfix-inbound/main.cf", reader=INBOUND_UNIT),
    Row("postfix/inbound.master.cf.j2", "/etc/postfix-inbound/master.cf", reader=INBOUND_UNIT),
    Row("postfix/mailboxes.j2", "/etc/postfix-inbound/mailboxes", reader=INBOUND_UNIT),
    Row("postfix/given_up.j2", "/etc/postfix-inbound/given_up", reader=INBOUND_UNIT),
    Row(
        "postfix/postmaster.j2",
        "/etc/postfix-inbound/postmaster",
        reader=INBOUND_UNIT,
    ),
    Row("postfix/inbound.logrotate.j2", "/etc/postfix-inbound/logrotate.conf"),
)

# Through the folder Postfix comes to the socket in it.
_BUDGET_SOCKETS = (
    Socket(BUDGET_SOCKET.rpartition("/")[0], "postfix", 0o750),
    Socket(BUDGET_SOCKET, "postfix", 0o660),
)


def _make(builder: Builder, rows: Rows) -> Component:
    owner = {"owner": MAILBOX_USER, "group": MAILBOX_USER}
    table = next(row.path for row in rows if row.path.endswith("/mailboxes"))
    unit = Unit(
        INBOUND_UNIT,
        reads=tuple(row.path for row in rows if row.reader),
        restart_if=listeners_change("inbound"),
    )
    return Component(
        "inbound",
        directories=(
            *instance_directories("inbound"),
            MAILBOXES_FOLDER,
            Directory(f"{MAILBOXES}/postmaster", mode=0o700, **owner),
            *(Directory(f"{MAILBOXES}/{s}", mode=0o700, **owner) for s in _returning(builder)),
        ),
        files=builder.files(rows),
        units=(
            Unit(BUDGET_UNIT, reads=(table,), on_change="restart", sockets=_BUDGET_SOCKETS),
            unit,
            Unit(TIDY_TIMER),
        ),
        unit_files=(*unit_files(builder, INBOUND_UNIT), *_budget_files(builder)),
        gate=canary("inbound"),
    )


def _returning(builder: Builder) -> tuple[str, ...]:
    """The streams that bounces come back of: the estate's, and those that it has given up."""
    former = sorted(path.stream for path in builder.facts.return_paths.returning)
    return tuple(dict.fromkeys([*(stream.name for stream in builder.estate.streams), *former]))


def _budget_files(builder: Builder) -> tuple[File, ...]:
    """What the budget's daemon and timer are made from."""
    units = {f"/etc/systemd/system/{name}" for name in (BUDGET_UNIT, TIDY_TIMER)}
    return made(builder, units | programs.places_of("budget"))


PART = Part("inbound", "Inbound", ROWS, _make, is_on=lambda estate, host: host.inbound)
