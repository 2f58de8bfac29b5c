"""When a certificate is asked for again: never for its age, always for how it would be renewed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroad.mail.certificate import (
    DAY,
    DAYS_LEFT,
    RENEWAL,
    CertificateState,
    certificate_faults,
    former_names,
    wanted_renewal,
)
from postroad.settings.model import AcmeTls
from tests.unit import estates
from tests.unit.declarations import put

ESTATE = estates.estate(estates.DECLARED["an address a stream"])
HOST = ESTATE.hosts[0]


def acme(name: str) -> AcmeTls:
    tls = estates.estate(estates.DECLARED[name]).tls
    assert isinstance(tls, AcmeTls)
    return tls


def good(tls: AcmeTls) -> CertificateState:
    return CertificateState(frozenset(HOST.certificate_names), DAY, wanted_renewal(tls))


@pytest.mark.parametrize("name", ["an address a stream", "dns-01", "a private authority"])
def test_one_that_is_renewed_as_declared_is_left_to_its_timer(name: str) -> None:
    tls = acme(name)
    assert set(wanted_renewal(tls)) <= set(RENEWAL)
    assert certificate_faults(tls, HOST, good(tls)) == ()


def test_none_and_one_that_is_over_and_one_that_lacks_a_name() -> None:
    tls = acme("an address a stream")
    assert certificate_faults(tls, HOST, None) == ("certificate",)
    over = replace(good(tls), seconds_left=0)
    assert certificate_faults(tls, HOST, over) == ("certificate has expired",)
    lacking = replace(good(tls), names=frozenset(HOST.certificate_names[:-1]))
    assert certificate_faults(tls, HOST, lacking) == (
        f"certificate lacks {HOST.certificate_names[-1]}",
    )


def test_a_former_name_stays_until_it_keeps_the_certificate_from_being_renewed() -> None:
    tls = acme("an address a stream")
    old = (*HOST.certificate_names, "old.shop.example")
    kept = replace(good(tls), names=frozenset(old), seconds_left=DAYS_LEFT * DAY)
    assert former_names(HOST, kept) == ("old.shop.example",)
    assert former_names(HOST, replace(kept, names=frozenset(["*.shop.example"]))) == ()
    assert certificate_faults(tls, HOST, kept) == ()
    lacking = replace(kept, names=frozenset(old[1:]))
    assert certificate_faults(tls, HOST, lacking) == (
        f"certificate lacks {old[0]}; keeps old.shop.example while it leads here",
    )
    late = replace(kept, seconds_left=DAYS_LEFT * DAY - 1)
    (fault,) = certificate_faults(tls, HOST, late)
    assert "not renewed, perhaps because old.shop.example led elsewhere" in fault
    # One that ends soon for another reason is the timer's.
    late = replace(late, names=frozenset(HOST.certificate_names))
    assert certificate_faults(tls, HOST, late) == ()


def test_another_challenge_than_the_one_it_was_got_by() -> None:
    web, by_dns = acme("an address a stream"), acme("dns-01")
    assert certificate_faults(web, HOST, good(by_dns)) == (
        "certificate is renewed with authenticator dns-rfc2136, not standalone",
    )
    assert certificate_faults(by_dns, HOST, good(web)) == (
        "certificate is renewed with authenticator standalone, not dns-rfc2136",
        "certificate is renewed with dns_rfc2136_credentials unset, not "
        "/etc/postroad/tls/rfc2136.ini",
        "certificate is renewed with dns_rfc2136_propagation_seconds unset, not 60",
    )


def test_another_authority_than_the_one_it_came_from() -> None:
    staging = "https://acme-staging-v02.api.letsencrypt.org/directory"
    declared = put(estates.DECLARED["an address a stream"], ("tls", "directory"), staging)
    tls = estates.estate(declared).tls
    assert isinstance(tls, AcmeTls)
    (fault,) = certificate_faults(acme("an address a stream"), HOST, good(tls))
    assert fault.startswith(f"certificate is renewed with server {staging}, not https://")


def test_a_renewal_that_was_forgotten() -> None:
    tls = acme("an address a stream")
    forgotten = replace(good(tls), renewal={})
    assert certificate_faults(tls, HOST, forgotten) == ("certificate is not renewed by certbot",)
