"""What the audit makes of a host before it asks: a moment's look may be a lucky one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import gevent  # type: ignore[import-untyped]
import pytest

from postroad.audit import gather
from postroad.host.found import STEADY, HostState, UnitState, blank
from postroad.roles.run.site import Site

RUNS = UnitState("loaded", "active", "enabled", needs_reload=False)
BACK = replace(RUNS, is_back=True)


@dataclass
class Host:
    """A host that is in one state after the other, each time that it is read anew."""

    states: list[HostState]
    waited: list[float] = field(default_factory=list)

    def state(self) -> HostState:
        return self.states[0]

    def forget(self) -> None:
        self.states.pop(0)


def seen(monkeypatch: pytest.MonkeyPatch, *units: UnitState) -> tuple[HostState, list[float]]:
    """What is believed of a host whose one unit is so, and how long that took, in seconds."""
    host = Host([replace(blank(), units={"one.service": unit}) for unit in units])
    monkeypatch.setattr(gevent, "sleep", host.waited.append)
    return gather.steady(cast(Site, cast(Any, host))), host.waited


def test_a_unit_that_runs_is_believed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    state, waited = seen(monkeypatch, RUNS)
    assert (state.units["one.service"], waited) == (RUNS, [])


@pytest.mark.parametrize("later", [RUNS, BACK])
def test_one_that_has_only_just_come_back_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, later: UnitState
) -> None:
    state, waited = seen(monkeypatch, BACK, later)
    assert (state.units["one.service"], waited) == (later, [STEADY])
