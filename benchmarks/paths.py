"""Where the benchmarks stand and what they leave."""

from lab.control import CLONE

HERE = CLONE / "benchmarks"
BUILD = CLONE / "build" / "benchmarks"
