"""The logs are quiet, rotated, and kept no longer than declared."""

from postroad.audit.suites.logs import test_logs_are_quiet, test_logs_are_rotated

__all__ = [
    "test_logs_are_quiet",
    "test_logs_are_rotated",
]
