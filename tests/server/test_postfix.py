"""Each Postfix instance does what the model says, by the configuration that is in effect."""

from postroad.audit.suites.postfix import (
    test_addresses_are_on_the_host,
    test_configuration_is_without_complaint,
    test_daemons_have_read_their_files,
    test_daemons_write_no_mail,
    test_no_mail_goes_where_no_mail_host_is,
    test_nothing_can_leave_unsigned,
    test_queues_have_their_folders,
    test_strangers_bring_no_more_than_declared,
    test_values_are_those_declared,
)

__all__ = [
    "test_addresses_are_on_the_host",
    "test_configuration_is_without_complaint",
    "test_daemons_have_read_their_files",
    "test_daemons_write_no_mail",
    "test_no_mail_goes_where_no_mail_host_is",
    "test_nothing_can_leave_unsigned",
    "test_queues_have_their_folders",
    "test_strangers_bring_no_more_than_declared",
    "test_values_are_those_declared",
]
