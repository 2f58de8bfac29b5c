"""Each fault for itself, several times, with mail flowing: docs/reliability.md has the figures."""

from __future__ import annotations

import pytest

from lab.faults import FAULTS
from lab.session import Lab
from tests.lab import books
from tests.long.conftest import Record

TIMES = 3


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_is_lost(deployed: Lab, name: str, record: Record) -> None:
    found = books.endured(deployed, FAULTS[name], TIMES)
    record(name, TIMES, found)
    assert found.is_clean, found
    assert not found.waiting
    assert found.accepted > 0
    books.all_green(deployed)
