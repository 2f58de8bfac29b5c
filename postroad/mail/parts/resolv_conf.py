"""The switch to our own resolver, refused until it has answered and validated.

From then on there is no other one on the host. A lone box asks whom its network names.
"""

from __future__ import annotations

from postroad.host.component import Component
from postroad.host.paths import RESOLVER_PROOF
from postroad.mail.parts.part import Builder, Part, Rows
from postroad.mail.parts.row import Row, asks_itself

# systemd-resolved, and the sockets that newer releases start it by. It believes whatever server the
# network names, answers programs past resolv.conf(5) (nss-resolve(8)), and listens to neighbours.
_OTHER_RESOLVER = (
    "systemd-resolved.service",
    "systemd-resolved-monitor.socket",
    "systemd-resolved-varlink.socket",
)


ROWS = (Row("unbound/resolv.conf.j2", "/etc/resolv.conf", before="surely", wanted=asks_itself),)


def _make(builder: Builder, rows: Rows) -> Component:
    if not asks_itself(builder.estate):
        return Component("resolv-conf")
    return Component(
        "resolv-conf",
        files=builder.files(rows),
        masked=_OTHER_RESOLVER,
        gate=RESOLVER_PROOF,
    )


PART = Part(
    "resolv-conf",
    "Use the resolver",
    ROWS,
    _make,
)
