"""The host answers."""

from postroad.audit.suites.reach import test_the_host_answers

__all__ = [
    "test_the_host_answers",
]
