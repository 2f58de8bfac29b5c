"""The world finds the estate's names as they are declared."""

from postroad.audit.suites.names import (
    test_addresses_have_names_and_names_addresses,
    test_bounces_come_back,
    test_dkim_records_are_those_of_the_keys,
    test_dmarc_is_as_declared,
    test_no_address_is_on_a_list,
    test_spf_passes_for_every_source,
    test_tls_is_announced_as_it_is,
    test_unsubscribe_links_lead_somewhere,
    test_whoever_is_asked_answers,
)

__all__ = [
    "test_addresses_have_names_and_names_addresses",
    "test_bounces_come_back",
    "test_dkim_records_are_those_of_the_keys",
    "test_dmarc_is_as_declared",
    "test_no_address_is_on_a_list",
    "test_spf_passes_for_every_source",
    "test_tls_is_announced_as_it_is",
    "test_unsubscribe_links_lead_somewhere",
    "test_whoever_is_asked_answers",
]
