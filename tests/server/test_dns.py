"""The world can verify what the streams send, and so the streams are open."""

from postroad.audit.suites.dns import test_streams_are_open, test_the_world_can_verify

__all__ = [
    "test_streams_are_open",
    "test_the_world_can_verify",
]
