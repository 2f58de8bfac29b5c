"""Every service is enabled, runs, and runs what is installed; what must never start is masked."""

from postroad.audit.suites.units import (
    test_daemons_run_what_is_installed,
    test_no_unit_has_failed,
    test_units_are_as_declared,
    test_units_are_not_edited,
)

__all__ = [
    "test_daemons_run_what_is_installed",
    "test_no_unit_has_failed",
    "test_units_are_as_declared",
    "test_units_are_not_edited",
]
