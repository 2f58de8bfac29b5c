"""How apt and dpkg behave on this host, and the timers by which upgrades come in."""

from __future__ import annotations

from postroad.host.component import Component, Unit
from postroad.mail.parts.part import Builder, Part, Rows
from postroad.mail.parts.row import Row

# apt's own; a service is masked as easily as its timer, and both then do nothing without a word.
_UPGRADES = (
    Unit("apt-daily.timer"),
    Unit("apt-daily.service", active="settled"),
    Unit("apt-daily-upgrade.timer"),
    Unit("apt-daily-upgrade.service", active="settled"),
)


_UPGRADES_FILE = "/etc/apt/apt.conf.d/82postroad-upgrades"

ROWS = (
    Row(
        "base/apt-proxy.j2",
        "/etc/apt/apt.conf.d/80postroad-proxy",
        wanted=lambda estate: bool(estate.apt_proxy),
    ),
    Row(
        "base/apt-upgrades.j2",
        _UPGRADES_FILE,
        wanted=lambda estate: estate.upgrades.unattended,
    ),
    Row("base/apt-conffiles.j2", "/etc/apt/apt.conf.d/81postroad-conffiles"),
    Row("base/dpkg-refresh.j2", "/etc/dpkg/dpkg.cfg.d/postroad"),
    Row(
        "base/needrestart.conf.j2",
        "/etc/needrestart/conf.d/postroad.conf",
        only_where="/etc/needrestart/conf.d",
    ),
)


def _make(builder: Builder, rows: Rows) -> Component:
    files = builder.files(rows)
    if not builder.estate.upgrades.unattended:
        return Component("packaging", files=files, absent=(_UPGRADES_FILE,))
    return Component("packaging", files=files, units=_UPGRADES)


PART = Part(
    "packaging",
    "How apt behaves",
    ROWS,
    _make,
)
