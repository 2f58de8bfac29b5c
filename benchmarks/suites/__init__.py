"""What benchmarks/run measures, a module a suite: measure(effort) yields its figures."""
