"""The host calls itself what the estate calls it."""

from postroad.audit.suites.identity import test_the_host_has_its_name

__all__ = ["test_the_host_has_its_name"]
