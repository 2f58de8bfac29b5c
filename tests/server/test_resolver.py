"""The host asks its own resolver and no other, and that one validates."""

from postroad.audit.suites.resolver import (
    test_answers_are_validated,
    test_the_host_asks_itself_only,
)

__all__ = [
    "test_answers_are_validated",
    "test_the_host_asks_itself_only",
]
