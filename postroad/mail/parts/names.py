"""Names of units and places that more than one part knows. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.host.component import Directory
from postroad.host.paths import MAILBOX_USER, MAILBOXES, config_folder, data_folder, queue_folder
from postroad.settings.model import Host, StreamName

# Brings daemons to what is installed, one stream after another.
REFRESH_UNIT = "postroad-refresh.service"
# What strangers may leave on the disk: asked by inbound at each RCPT, and every ten minutes.
BUDGET_UNIT = "postroad-budget.service"
TIDY_UNIT = "postroad-tidy.service"
TIDY_TIMER = "postroad-tidy.timer"

# What tmpfiles.d(5) makes at each boot: ufw's lock, which nobody else may open.
TMPFILES = "/etc/tmpfiles.d/postroad.conf"

INBOUND_UNIT = "postroad-postfix@inbound.service"

# Root's: whoever owned it could put links in the places of the mailboxes, which root makes there.
MAILBOXES_FOLDER = Directory(MAILBOXES, group=MAILBOX_USER, mode=0o750)


def stream_units(name: StreamName) -> tuple[str, ...]:
    """The units of a stream in the order in which they start: Postfix, which asks them, last."""
    kinds = ("dkim", "milter", "auth", "postfix")
    return tuple(f"postroad-{kind}@{name}.service" for kind in kinds)


def unit_instances(host: Host) -> Iterator[str]:
    """The units of the host's instances."""
    for stream in host.streams:
        yield from stream_units(stream)
    if host.inbound:
        yield from (INBOUND_UNIT, BUDGET_UNIT, TIDY_UNIT, TIDY_TIMER)


def instance_directories(instance: str) -> tuple[Directory, ...]:
    """The folders of one Postfix instance (postconf(5): config, queue and data directory)."""
    return (
        Directory(config_folder(instance)),
        Directory(queue_folder(instance)),
        Directory(data_folder(instance), owner="postfix", group="postfix", mode=0o700),
    )


def listeners_change(instance: str) -> str:
    """A shell test: would this configuration need other sockets than master(8) has opened?

    postconf(5): inet_interfaces and inet_protocols take a restart; all else takes a reload.
    """
    asked = "postconf -hx inet_interfaces inet_protocols 2>/dev/null"
    now = f"MAIL_CONFIG={config_folder(instance)} {asked}"
    staged = f'MAIL_CONFIG="$stage"{config_folder(instance)} {asked}'
    return f'[ "$({now})" != "$({staged})" ]'
