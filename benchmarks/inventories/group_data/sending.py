"""The shop's estate on those hosts, with the limits that an estate has by default.

The lab's own are low, so that its tests can fill a queue in seconds.
"""

from benchmarks.contest.ours import is_ours, without_limits
from benchmarks.part import estate as part

__all__ = ["estate"]

estate = without_limits(part(is_ours))
