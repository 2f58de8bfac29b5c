"""The packages are there, whole, and services may start."""

from postroad.audit.suites.packages import (
    test_packages_are_installed,
    test_packages_may_be_upgraded,
    test_the_package_manager_is_whole,
    test_upgrades_come_in,
    test_upgrades_succeed,
)

__all__ = [
    "test_packages_are_installed",
    "test_packages_may_be_upgraded",
    "test_the_package_manager_is_whole",
    "test_upgrades_come_in",
    "test_upgrades_succeed",
]
