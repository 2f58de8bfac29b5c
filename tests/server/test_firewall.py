"""The firewall lets in what is declared and no more, and lets only Postfix out to port 25."""

from postroad.audit.suites.firewall import (
    test_no_network_takes_all_places,
    test_only_postfix_reaches_port_25,
    test_rules_are_those_declared,
)

__all__ = [
    "test_no_network_takes_all_places",
    "test_only_postfix_reaches_port_25",
    "test_rules_are_those_declared",
]
