"""The lab's hosts that postroad is deployed to, among others that carry other software."""

from benchmarks.contest.ours import is_ours
from benchmarks.part import inventory

__all__ = ["mail"]

mail = inventory(is_ours)
