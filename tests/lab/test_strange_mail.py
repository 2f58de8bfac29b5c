"""Mail as shops and as strangers write it: what is taken is signed, and of one address."""

from __future__ import annotations

import pytest

from lab.life.session import Lab
from tests.lab import strange

# The long form takes two thousand of each (tests/long/test_strange_mail.py).
NUMBER = 150


@pytest.mark.parametrize("name", ["mail1", "mail2"])
def test_what_is_taken_is_signed_and_of_one_address(name: str, deployed: Lab) -> None:
    wrong, seen = strange.trial(deployed, name, NUMBER, seed=12)
    assert wrong == []
    assert seen["hostile taken"] > 0
    assert seen["taken"] < 2 * NUMBER
