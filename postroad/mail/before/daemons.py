"""Daemons that a run would stop, and that may serve more than what it replaces. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.host.found import HostState

COMPONENT = "units"
_DOVECOT = ("dovecot.service", "dovecot.socket")


def refusals(state: HostState) -> Iterator[str]:
    """A sentence where mailboxes, or somebody else's logins, would be gone after the run."""
    if COMPONENT in state.adopted:
        return
    active = [
        unit for unit in _DOVECOT if unit in state.units and state.units[unit].active == "active"
    ]
    if active:
        yield (
            "Dovecot runs on it, and postroad would stop it (each stream has a login daemon of its "
            "own): move mailboxes that it serves to another host, then: systemctl disable --now "
            + " ".join(active)
        )
