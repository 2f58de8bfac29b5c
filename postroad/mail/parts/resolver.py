"""unbound on loopback, checked by its own checker before it is restarted."""

from __future__ import annotations

from postroad.host.component import Component, Unit
from postroad.mail.parts.part import Builder, Part, Rows
from postroad.mail.parts.row import Row, asks_itself

# The checker wants the operator's own hints and anchor where the configuration names them. Without
# any, the root's anchor is copied by the package's unit when it first starts, from dns-root-data.
_UNBOUND_CHECK = (
    'sed "s,/etc/unbound/postroad-,$stage&,; s,/var/lib/unbound/root.key,/usr/share/dns/root.key," '
    '"$stage"/etc/unbound/unbound.conf > "$stage"/unbound.conf '
    '&& unbound-checkconf "$stage"/unbound.conf'
)


ROWS = (
    Row(
        "unbound/root.hints.j2",
        "/etc/unbound/postroad-root.hints",
        reader="unbound.service",
        wanted=lambda estate: bool(estate.resolver.root_hints_file),
    ),
    Row(
        "unbound/root.key.j2",
        "/etc/unbound/postroad-root.key",
        reader="unbound.service",
        wanted=lambda estate: bool(estate.resolver.trust_anchor_file),
    ),
    Row(
        "unbound/unbound.conf.j2",
        "/etc/unbound/unbound.conf",
        reader="unbound.service",
        before="perhaps",
    ),
    Row(
        "unbound/dhclient-hook.j2",
        "/etc/dhcp/dhclient-enter-hooks.d/postroad",
        only_where="/etc/dhcp/dhclient-enter-hooks.d",
        wanted=asks_itself,
    ),
)


def _make(builder: Builder, rows: Rows) -> Component:
    reads = tuple(row.path for row in rows if row.reader)
    return Component(
        "resolver",
        files=builder.files(rows),
        units=(Unit("unbound.service", reads=reads, on_change="restart"),),
        masked=("unbound-resolvconf.service",),
        gate=_UNBOUND_CHECK,
    )


PART = Part(
    "resolver",
    "Validating resolver",
    ROWS,
    _make,
    then=("systemctl disable --now --quiet unbound.service",),
)
