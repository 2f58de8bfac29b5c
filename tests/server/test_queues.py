"""The queues move, and there is room for more."""

from postroad.audit.suites.queues import (
    test_disks_have_room,
    test_mailboxes_have_room,
    test_no_mail_is_corrupt,
    test_no_mail_outlives_its_time,
    test_no_mail_waits_for_another_time,
)

__all__ = [
    "test_disks_have_room",
    "test_mailboxes_have_room",
    "test_no_mail_is_corrupt",
    "test_no_mail_outlives_its_time",
    "test_no_mail_waits_for_another_time",
]
