"""The clock is right: signatures, certificates and DNSSEC hang on it."""

from postroad.audit.suites.clock import test_the_clock_is_kept_right, test_the_clock_is_right

__all__ = [
    "test_the_clock_is_kept_right",
    "test_the_clock_is_right",
]
