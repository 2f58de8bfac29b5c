"""The firewall lets in what is declared and no more, and lets only Postfix out to port 25."""

from postroad.audit.suites.firewall import (
    test_no_mail_goes_where_no_mail_host_is,
    test_no_network_takes_all_places,
    test_only_postfix_reaches_port_25,
    test_only_the_null_client_hands_in_roots_mail,
    test_rules_are_those_declared,
)

__all__ = [
    "test_no_mail_goes_where_no_mail_host_is",
    "test_no_network_takes_all_places",
    "test_only_postfix_reaches_port_25",
    "test_only_the_null_client_hands_in_roots_mail",
    "test_rules_are_those_declared",
]
