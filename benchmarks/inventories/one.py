"""One of the lab's hosts, as the whole estate of somebody who has no other."""

from benchmarks.estate import is_the_first
from benchmarks.part import inventory

__all__ = ["mail"]

mail = inventory(is_the_first)
