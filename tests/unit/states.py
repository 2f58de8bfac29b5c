"""States of hosts that differ from one another in what the rooms have read of them."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from postroad.host.found import HostState
from postroad.host.ground import GROUND
from postroad.host.reading import Reading
from postroad.mail.before.listeners import LISTENERS
from postroad.mail.before.queues import QUEUED_ELSEWHERE
from postroad.mail.certificate import CERTIFICATE, REFUSAL
from postroad.mail.firewall.found import FIREWALL
from postroad.mail.leaving.instances import LEAVING
from postroad.mail.return_paths import RETURN_PATHS
from postroad.mail.signing.found import KEYS, OFFERED_KEYS
from postroad.mail.software import SOFTWARE, Software
from postroad.mail.standing import LATCHES
from postroad.mail.version import CONVERGED_BY

READINGS: dict[str, Reading[Any]] = {
    "keys": KEYS,
    "offered_keys": OFFERED_KEYS,
    "certificate": CERTIFICATE,
    "certificate_fault": REFUSAL,
    "firewall": FIREWALL,
    "listeners": LISTENERS,
    "queued_elsewhere": QUEUED_ELSEWHERE,
    "leaving": LEAVING,
    "opened": LATCHES,
    "return_paths": RETURN_PATHS,
    "ground": GROUND,
    "converged_by": CONVERGED_BY,
}
#: As a host is asked for all of them.
ASKED = tuple(one.by("") for one in (*READINGS.values(), SOFTWARE))
_SOFTWARE = {field.name for field in fields(Software)}


def altered(state: HostState, **what: Any) -> HostState:
    """As `dataclasses.replace`; the names of readings, and of what is installed, count as well."""
    software = {name: what.pop(name) for name in _SOFTWARE & what.keys()}
    known = {name: what.pop(name) for name in READINGS.keys() & what.keys()}
    state = replace(state, **what)
    for name, found in known.items():
        state = state.knowing(READINGS[name], found)
    return state.knowing(SOFTWARE, replace(state[SOFTWARE], **software)) if software else state


def whole(state: HostState) -> HostState:
    """The same, as it is read where all of it is asked for."""
    return replace(state, known={one.reading.name: state[one.reading] for one in ASKED})
