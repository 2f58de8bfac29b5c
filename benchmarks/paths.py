"""Where the benchmarks stand and what they leave."""

from lab.hosts.here import CLONE

HERE = CLONE / "benchmarks"
BUILD = CLONE / "build" / "benchmarks"
