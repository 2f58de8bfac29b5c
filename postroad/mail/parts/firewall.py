"""The rules that the ufw command cannot say: port 25 outward is Postfix's alone."""

from __future__ import annotations

from postroad.host.component import Component, Unit
from postroad.mail.firewall.read import RELOAD
from postroad.mail.parts.part import Builder, Part, Rows
from postroad.mail.parts.row import Row

# Loaded for real, where nothing hangs on it: iptables-restore --test accepts a target that does not
# exist. The chain is one that ufw itself makes before it loads these files.
_EARLY_RULES_CHECK = " && ".join(
    f"unshare --net sh -c '{tables} -N {chain} && {tables}-restore --noflush' "
    f'< "$stage"/etc/ufw/{name}'
    for tables, chain, name in (
        ("iptables", "ufw-logging-deny", "before.rules"),
        ("ip6tables", "ufw6-logging-deny", "before6.rules"),
    )
)


ROWS = (
    Row("ufw/before.rules.j2", "/etc/ufw/before.rules", mode=0o640, before="surely"),
    Row("ufw/before6.rules.j2", "/etc/ufw/before6.rules", mode=0o640, before="surely"),
)


def _make(builder: Builder, rows: Rows) -> Component:
    return Component(
        "firewall",
        files=builder.files(rows),
        units=(Unit("ufw.service", active="settled"),),
        gate=_EARLY_RULES_CHECK,
        activate=(RELOAD,),
    )


PART = Part(
    "firewall",
    "Early rules",
    ROWS,
    _make,
)
