"""Applications can hand mail in, over good TLS, and only with a login. Nothing relays."""

from postroad.audit.suites.submission import (
    test_certificates_are_good,
    test_certificates_have_their_keys,
    test_certificates_renew_as_declared,
    test_listeners_answer,
    test_listeners_are_who_they_must_be,
    test_logins_only_after_tls,
    test_nothing_relays_without_login,
    test_tls_is_of_today,
)

__all__ = [
    "test_certificates_are_good",
    "test_certificates_have_their_keys",
    "test_certificates_renew_as_declared",
    "test_listeners_answer",
    "test_listeners_are_who_they_must_be",
    "test_logins_only_after_tls",
    "test_nothing_relays_without_login",
    "test_tls_is_of_today",
]
