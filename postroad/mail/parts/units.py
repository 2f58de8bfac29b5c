"""Our unit templates; the package's own login daemon never starts."""

from __future__ import annotations

from postroad.host.component import Component
from postroad.mail.parts.names import (
    BUDGET_UNIT,
    REFRESH_UNIT,
    TIDY_TIMER,
    TIDY_UNIT,
    unit_instances,
)
from postroad.mail.parts.part import Builder, Part, Rows
from postroad.mail.parts.row import Row

ROWS = (
    Row(
        "systemd/postroad-postfix@.service.j2",
        "/etc/systemd/system/postroad-postfix@.service",
    ),
    Row("systemd/postroad-dkim@.service.j2", "/etc/systemd/system/postroad-dkim@.service"),
    Row("systemd/postroad-auth@.service.j2", "/etc/systemd/system/postroad-auth@.service"),
    Row(
        "systemd/postroad-milter@.service.j2",
        "/etc/systemd/system/postroad-milter@.service",
    ),
    Row("systemd/postroad-refresh.service.j2", f"/etc/systemd/system/{REFRESH_UNIT}"),
    Row(
        "systemd/postroad-alarm@.service.j2",
        "/etc/systemd/system/postroad-alarm@.service",
    ),
    Row("systemd/postroad-budget.service.j2", f"/etc/systemd/system/{BUDGET_UNIT}"),
    Row("systemd/postroad-tidy.service.j2", f"/etc/systemd/system/{TIDY_UNIT}"),
    Row("systemd/postroad-tidy.timer.j2", f"/etc/systemd/system/{TIDY_TIMER}"),
)


def _make(builder: Builder, rows: Rows) -> Component:
    return Component(
        "units",
        files=builder.files(rows),
        masked=("dovecot.service", "dovecot.socket"),
        instances=(*unit_instances(builder.host), REFRESH_UNIT),
        gate='systemd-analyze verify --man=no "$stage"/etc/systemd/system/postroad-*.service',
        activate=("systemctl daemon-reload",),
    )


PART = Part(
    "units",
    "Unit templates",
    ROWS,
    _make,
    then=("systemctl daemon-reload",),
)
