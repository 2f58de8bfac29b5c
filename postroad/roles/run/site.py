"""One host during one run: the estate, its place in it, and what it is like now.

The edge between the pure rooms and pyinfra. The host's state is read before anything changes; an
operation of ours that changed something forgets it, and the next one reads it anew. That is what
makes a run without changes one question long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from pyinfra.api.host import Host as PyinfraHost

from postroad.host.found import HostState
from postroad.host.question import Question
from postroad.mail.pause import Pause
from postroad.mail.preflight import not_root
from postroad.mail.questions import questions
from postroad.mail.return_paths import RETURN_PATHS, Marks
from postroad.roles.run.ask import UnansweredError, ask
from postroad.roles.run.facts.host import State
from postroad.settings.files import from_base
from postroad.settings.model import Estate, Host, SecretRef, StreamName
from postroad.settings.secrets import resolve

T = TypeVar("T")

# How many seconds a plan may wait for its operator's yes. A later yes reads the host anew, because
# the plan was made of what it was like before.
PATIENCE = 60.0


@dataclass
class _Reading:
    """What was read of a host at one time, and what was made of it since."""

    state: HostState
    while_executing: bool
    at: float
    made: dict[Hashable, Any] = field(default_factory=dict)

    def is_outdated(self, executing: bool) -> bool:
        """Whether the plan was made too long ago to begin with. What is begun is seen through."""
        planned = executing and not self.while_executing
        return planned and time.monotonic() - self.at > PATIENCE


@dataclass
class Site:
    """The host that a run is about.

    ``base`` is the folder that the operator's paths start from. ``clock_ahead`` is how many seconds
    the host's clock was ahead of ours when its state was last read (a round trip is part of it).
    ``pauses`` are what this run is to make of streams; all others stay as they are.
    ``marks_at_first`` is what the host knew of return paths when it was first read: what other
    hosts learn from it must not depend on what the run has done there meanwhile.
    """

    pyhost: PyinfraHost
    estate: Estate
    base: Path
    clock_ahead: float = 0.0
    pauses: Mapping[StreamName, Pause] = field(default_factory=dict)
    marks_at_first: Marks | None = field(default=None, repr=False)
    _reading: _Reading | None = field(default=None, repr=False)

    @property
    def host(self) -> Host:
        return self.estate.host(self.pyhost.name)

    def ask(self, question: Question[T]) -> T:
        """The host's answer. UnansweredError, which is a PyinfraError, where there is none."""
        return ask(self.pyhost, question)

    def state(self) -> HostState:
        """The host as it is: read once, and anew after each change of ours."""
        return self._known().state

    def forget(self) -> None:
        """The host was changed: what is known of it is out of date."""
        self._reading = None

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` makes of the host as it is: once, until the host is read anew."""
        made = self._known().made
        if key not in made:
            made[key] = make()
        return cast(T, made[key])

    def secret(self, ref: SecretRef) -> str:
        """A secret's value, read from where the operator keeps it."""
        return resolve(ref, self.base).unmask()

    def unreadable(self, path: str) -> str:
        """Why a file that the operator named cannot be read; empty where it can."""
        try:
            self.operator_file(path)
        except (OSError, UnicodeDecodeError) as error:
            return str(error.strerror) if isinstance(error, OSError) else "it is not text"
        return ""

    def operator_file(self, path: str) -> str:
        """The text of a file that the operator named; as `from_base` finds it. OSError."""
        return from_base(self.base, path).read_text(encoding="utf-8")

    def _known(self) -> _Reading:
        executing = self.pyhost.state.is_executing
        if self._reading is None or self._reading.is_outdated(executing):
            state = self.ask(State(questions(self.estate, self.host)))
            if reason := not_root(state):
                raise UnansweredError(self.host.name, reason)
            self.clock_ahead = state.clock - time.time()
            if self.marks_at_first is None:
                self.marks_at_first = state[RETURN_PATHS]
            self._reading = _Reading(state, executing, time.monotonic())
        return self._reading
