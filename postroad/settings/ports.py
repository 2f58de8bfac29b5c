"""Ports that postroad takes for itself on every host, so that nothing else is declared there."""

from __future__ import annotations

# The loopback listener that takes root's and cron's mail; and, on a lone box, the sink. Below 1024,
# so that nobody but root can listen there while ours is down, take what it is to get, and keep it
# from starting; assigned to nobody by IANA.
SYSTEM_MAIL_PORT = 327
SINK_PORT = 325
#: Ports that are taken on every host, and by what; SSH, if it moves, goes elsewhere.
OWN_PORTS = {
    25: "inbound mail",
    53: "DNS",
    80: "ACME",
    SYSTEM_MAIL_PORT: "root's and cron's mail",
    SINK_PORT: "a lone box's sink",
}
