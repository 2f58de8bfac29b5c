"""Two thousand honest and two thousand hostile messages at each release, and three judges."""

from __future__ import annotations

import pytest

from lab.life.session import Lab
from tests.lab import strange

NUMBER = 2000


@pytest.mark.parametrize("name", ["mail1", "mail2"])
def test_what_is_taken_is_signed_and_of_one_address(name: str, deployed: Lab) -> None:
    wrong, seen = strange.trial(deployed, name, NUMBER, seed=2026)
    print(name, seen)
    assert wrong == []
