"""The figures of the long tests: see `tests.long.figures`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.mail.tally import Tally
from tests.lab.conftest import deploy, deployed, estate, lab  # noqa: F401 - fixtures
from tests.long.figures import figures, keep

Record = Callable[[str, int, Tally], None]


@pytest.fixture
def record() -> Record:
    """Keep the figures of a fault that came so many times."""
    return lambda fault, times, tally: keep(figures(fault, times, tally))
