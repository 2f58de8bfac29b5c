"""What is found of a host's firewall. Pure."""

from __future__ import annotations

from postroad.host.reading import Reading, section
from postroad.mail.firewall import read

SHELL = f"m firewall; ({read.STATE_COMMAND})"

FIREWALL = Reading(
    "firewall",
    section("firewall", lambda lines: read.parse_state("\n".join(lines))),
    read.FirewallState(),
)
