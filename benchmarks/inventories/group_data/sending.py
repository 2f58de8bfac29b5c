"""The shop's estate on those hosts, with the limits that an estate has by default.

The lab's own are low, so that its tests can fill a queue in seconds.
"""

from benchmarks.contest.ours import estate as declared
from lab import load

__all__ = ["estate"]

estate = declared(load())
