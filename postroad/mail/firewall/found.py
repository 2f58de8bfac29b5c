"""What is found of a host's firewall. Pure."""

from __future__ import annotations

from postroad.host.reading import Reading, section
from postroad.mail.firewall import ufw

SHELL = f"m firewall; ({ufw.STATE_COMMAND})"

FIREWALL = Reading(
    "firewall", section("firewall", lambda lines: ufw.parse_state("\n".join(lines))), ufw.State()
)
