"""One stream: its signer, milter, logins and Postfix instance, gated by one canary. Pure."""

from __future__ import annotations

from functools import cache, partial

from postroad.host.component import Component, Directory, File, Socket, Unit
from postroad.host.paths import (
    auth_socket,
    milter_socket,
    opened_path,
    pause_path,
    signer_socket,
    stream_folder,
)
from postroad.mail.parts.canary import canary
from postroad.mail.parts.made_from import unit_files
from postroad.mail.parts.names import instance_directories, listeners_change, stream_units
from postroad.mail.parts.part import Builder, Part, Rows
from postroad.mail.parts.row import Row
from postroad.mail.pause import content
from postroad.mail.standing import latch
from postroad.settings.model import StreamName

_POSTFIX = "postroad-postfix@{stream}.service"
_SIGNER = "postroad-dkim@{stream}.service"
_LOGINS = "postroad-auth@{stream}.service"

ROWS = (
    Row(
        "opendkim/opendkim.conf.j2",
        "/etc/postroad/{stream}/opendkim.conf",
        reader=_SIGNER,
    ),
    Row("opendkim/key.table.j2", "/etc/postroad/{stream}/key.table", reader=_SIGNER),
    Row(
        "opendkim/signing.table.j2",
        "/etc/postroad/{stream}/signing.table",
        reader=_SIGNER,
    ),
    # Which logins there are is for those to know who ask for them.
    Row(
        "opendkim/policy.lua.j2",
        "/etc/postroad/{stream}/policy.lua",
        group="opendkim",
        mode=0o640,
        reader=_SIGNER,
    ),
    # The milter sees for itself that it is another one.
    Row("opendkim/public.table.j2", "/etc/postroad/{stream}/public.table"),
    Row("dovecot/dovecot.conf.j2", "/etc/postroad/{stream}/dovecot.conf", reader=_LOGINS),
    Row(
        "dovecot/users.j2",
        "/etc/postroad/{stream}/users",
        group="dovecot",
        mode=0o640,
        secret=True,
        reader=_LOGINS,
    ),
    Row(
        "dovecot/users.next.j2",
        "/etc/postroad/{stream}/users.next",
        group="dovecot",
        mode=0o640,
        secret=True,
        reader=_LOGINS,
    ),
    # Before main.cf, which opens the stream: what of it waits is told here.
    Row("postfix/header_checks.j2", "/etc/postfix-{stream}/header_checks", reader=_POSTFIX),
    Row("postfix/stream.main.cf.j2", "/etc/postfix-{stream}/main.cf", reader=_POSTFIX),
    Row("postfix/stream.master.cf.j2", "/etc/postfix-{stream}/master.cf", reader=_POSTFIX),
    Row("postfix/body_checks.j2", "/etc/postfix-{stream}/body_checks", reader=_POSTFIX),
    Row(
        "postfix/milter_header_checks.j2",
        "/etc/postfix-{stream}/milter_header_checks",
        reader=_POSTFIX,
    ),
    Row(
        "postfix/sender_logins.j2",
        "/etc/postfix-{stream}/sender_logins",
        group="postfix",
        mode=0o640,
        reader=_POSTFIX,
    ),
    Row("postfix/sender_access.j2", "/etc/postfix-{stream}/sender_access", reader=_POSTFIX),
    Row(
        "postfix/recipient_domains.j2",
        "/etc/postfix-{stream}/recipient_domains",
        reader=_POSTFIX,
    ),
    Row(
        "postfix/reject_footers.j2",
        "/etc/postfix-{stream}/reject_footers",
        reader=_POSTFIX,
    ),
    Row("postfix/dns_answers.j2", "/etc/postfix-{stream}/dns_answers", reader=_POSTFIX),
    Row("postfix/nowhere.j2", "/etc/postfix-{stream}/nowhere", reader=_POSTFIX),
    Row(
        "postfix/delivery_status.j2",
        "/etc/postfix-{stream}/delivery_status",
        reader=_POSTFIX,
    ),
    Row("postfix/originated.j2", "/etc/postfix-{stream}/originated", reader=_POSTFIX),
    Row("postfix/transport.j2", "/etc/postfix-{stream}/transport", reader=_POSTFIX),
    Row("postfix/system_sender.j2", "/etc/postfix-{stream}/system_sender", reader=_POSTFIX),
    Row(
        "postfix/system_command.j2",
        "/etc/postfix-{stream}/system_command",
        reader=_POSTFIX,
    ),
    Row(
        "postfix/system_recipient.j2",
        "/etc/postfix-{stream}/system_recipient",
        reader=_POSTFIX,
    ),
)


def _make(name: StreamName, builder: Builder, rows: Rows) -> Component:
    marks = _marks(name, builder)
    units = stream_units(name)
    *_, postfix = units
    return Component(
        name,
        directories=(
            Directory(stream_folder(name)),
            *instance_directories(name),
        ),
        files=(*builder.files(rows), *(file for file, there in marks if there)),
        absent=tuple(file.path for file, there in marks if not there),
        units=tuple(
            Unit(
                unit,
                reads=tuple(row.path for row in rows if row.reader == unit),
                restart_if=listeners_change(name) if unit == postfix else None,
                sockets=_sockets(name).get(unit, ()),
            )
            for unit in units
        ),
        unit_files=unit_files(builder, *units),
        gate=canary(f"stream {name}"),
    )


def _marks(name: StreamName, builder: Builder) -> tuple[tuple[File, bool], ...]:
    """The files that say what the stream may do now, and whether each is to be there."""
    pause = builder.facts.pause_of(name)
    paused = File(pause_path(name), content(pause))
    if pause:
        # Whether the world could verify it is not asked meanwhile: it opens as it was.
        return ((paused, True),)
    opened = File(opened_path(name), latch(builder.facts.latch_of(name)))
    return (paused, False), (opened, not builder.facts.closed_because(name))


def _sockets(name: StreamName) -> dict[str, tuple[Socket, ...]]:
    """By which places Postfix reaches the stream's other daemons, by unit; their units and
    configurations have the same (systemd.exec(5) RuntimeDirectoryMode=, UMask=)."""
    signer, milter, auth = signer_socket(name), milter_socket(name), auth_socket(name)
    return {
        f"postroad-dkim@{name}.service": (
            Socket(signer.rpartition("/")[0], "postfix", 0o750),
            Socket(signer, "postfix", 0o770),
        ),
        f"postroad-milter@{name}.service": (
            Socket(milter.rpartition("/")[0], "postfix", 0o750),
            Socket(milter, "postfix", 0o770),
        ),
        f"postroad-auth@{name}.service": (
            Socket(auth.rpartition("/")[0], "root", 0o711),
            Socket(auth, "postfix", 0o660),
        ),
    }


@cache
def part(name: StreamName) -> Part:
    """The part of one stream; the same each time."""
    rows = tuple(row.of_stream(name) for row in ROWS)
    return Part(name, f"Stream {name}", rows, partial(_make, name))
