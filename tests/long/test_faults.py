"""Each fault for itself, several times, with mail flowing: docs/reliability.md has the figures."""

from __future__ import annotations

import pytest

from lab.faults.table import FAULTS
from lab.life.session import Lab
from tests.lab import tally
from tests.long.conftest import Record

TIMES = 3


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_is_lost(deployed: Lab, name: str, record: Record) -> None:
    found = tally.endured(deployed, FAULTS[name], TIMES)
    record(name, TIMES, found)
    assert found.is_clean, found
    assert not found.waiting
    assert found.accepted > 0
    tally.all_green(deployed)
