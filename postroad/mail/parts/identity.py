"""Host name, mail name and hosts file, also where cloud-init thinks it owns them."""

from __future__ import annotations

from postroad.host.component import Component
from postroad.mail.parts.part import Builder, Part, Rows
from postroad.mail.parts.row import Row

ROWS = (
    Row("base/hostname.j2", "/etc/hostname", before="surely"),
    Row("base/mailname.j2", "/etc/mailname", before="perhaps"),
    Row("base/hosts.j2", "/etc/hosts", before="surely"),
    Row(
        "base/cloud.cfg.j2",
        "/etc/cloud/cloud.cfg.d/99-postroad.cfg",
        only_where="/etc/cloud/cloud.cfg.d",
    ),
    Row(
        "base/cloud-init.conf.j2",
        "/etc/systemd/system/cloud-.service.d/postroad.conf",
        only_where="/etc/cloud/cloud.cfg.d",
    ),
)


def _make(builder: Builder, rows: Rows) -> Component:
    return Component("identity", files=builder.files(rows))


PART = Part(
    "identity",
    "Host name and hosts file",
    ROWS,
    _make,
    then=("hostname -F /etc/hostname",),
)
