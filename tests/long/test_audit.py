"""The audit sees what Postfix's own checks miss, and what is wrong with a signer."""

from __future__ import annotations

import pytest

from lab.hosts.guest import Guest
from tests.lab.seeded import MORE_CASES, Case
from tests.lab.test_audit import Audit, audit, host, is_seen  # noqa: F401 - fixtures


@pytest.mark.parametrize("case", MORE_CASES, ids=str)
def test_a_fault_is_seen(case: Case, host: Guest, audit: Audit) -> None:  # noqa: F811
    """The checks that the case names fail with what it names, and no other check."""
    is_seen(case, host, audit)
