"""The shop's estate on one host alone."""

from benchmarks.estate import alone
from lab import load

__all__ = ["estate"]

estate = alone(load())
