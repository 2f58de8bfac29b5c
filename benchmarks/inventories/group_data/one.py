"""The shop's estate on one host alone."""

from benchmarks import part
from benchmarks.estate import is_the_first

__all__ = ["estate"]

estate = part.estate(is_the_first)
