"""One host as the audit sees it: what is declared, what is there, and what it answered. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from postroad.audit.evidence import Instance, Partly, Signed, Smtp, System
from postroad.host.component import Component
from postroad.host.drift import Drift, drift
from postroad.host.found import HostState
from postroad.mail.standing import Standing
from postroad.settings.model import Estate, Host, StreamName


@dataclass(frozen=True, slots=True)
class Expectation:
    """One need of one stream, and what the host's resolver sees of it (ok, wrong or unknown)."""

    stream: str
    verdict: str
    reason: str
    publish: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Audited(Partly):
    """Everything that the suites judge; what the host did not answer is not there.

    ``closed`` says why a stream takes no mail, and is empty text where it does; ``standings`` are
    what each may do, by what the world can verify. ``run`` is the
    command that converges this host, ``clock_ahead`` in seconds against the machine that asks.
    """

    estate: Estate
    host: Host
    run: str
    components: tuple[Component, ...]
    closed: Mapping[str, str]
    state: HostState
    clock_ahead: float
    standings: Mapping[StreamName, Standing]
    expectations: tuple[Expectation, ...]
    system: System
    instances: Mapping[str, Instance]
    signed: tuple[Signed, ...]
    smtp: Smtp
    unanswered: Mapping[str, str] = field(default_factory=dict)

    def drifts(self) -> Iterator[tuple[Component, Drift]]:
        """Everything that is not as declared, with the component that it belongs to."""
        for component in self.components:
            for difference in drift(component, self.state):
                yield component, difference

    def mend(self, component: str, otherwise: str) -> str:
        """What mends a fault of ``component``: a run, where one finds something to change there.

        Where all is as declared a run changes nothing, and ``otherwise`` is what does.
        """
        found = [part for part in self.components if part.name == component]
        is_as_declared = found and not any(drift(part, self.state) for part in found)
        return otherwise if is_as_declared else self.run

    def content(self, path: str) -> str:
        """The text that the file at ``path`` must have; empty where nothing declares it."""
        files = (file for component in self.components for file in component.files)
        return next((file.content.decode() for file in files if file.path == path), "")
