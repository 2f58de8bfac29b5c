"""The host listens where it is declared to, and nowhere else."""

from postroad.audit.suites.listeners import (
    test_every_declared_place_listens,
    test_nothing_else_listens,
)

__all__ = [
    "test_every_declared_place_listens",
    "test_nothing_else_listens",
]
