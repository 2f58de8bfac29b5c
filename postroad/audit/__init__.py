"""What must be true on a host, and how it is asked: the suites that tests/server runs."""
