"""Names beyond hosts and streams: MTA-STS, TLS-RPT, TLSA, CAA, null MX, unsubscribe."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from postroad.dns.mta_sts import policy, policy_url
from postroad.dns.records import LiveCertificate, Record, derive
from postroad.dns.tlsa import without_certificate
from postroad.settings.model import AcmeTls, Estate, Host, MtaSts, NoTls, SecretRef, SuppliedTls

from . import estates
from .estates import MAIL1, MAIL2, MARKETING, TRANSACTIONAL, estate, whole_estate

OUTBOUND = replace(MAIL1, inbound=False)


def data(records: tuple[Record, ...], owner: str, kind: str) -> list[str]:
    return [r.data for r in records if (r.owner, r.type) == (owner, kind)]


def owners(records: tuple[Record, ...], kind: str) -> set[str]:
    return {r.owner for r in records if r.type == kind}


def derived(*hosts: Host) -> tuple[Record, ...]:
    return derive(whole_estate(*hosts), ())


# ---- MTA-STS -------------------------------------------------------------------------------------


def with_policy(**changes: object) -> Estate:
    declared = whole_estate(MAIL1, MAIL2)
    assert declared.mta_sts is not None
    return replace(declared, mta_sts=replace(declared.mta_sts, **changes))  # type: ignore[arg-type]


def policy_id(of: Estate) -> str:
    (announced,) = data(derive(of, ()), "_mta-sts.bounce.shop.example", "TXT")
    found = re.fullmatch(r'"v=STSv1; id=([0-9A-Za-z]{1,32});"', announced)
    assert found
    return found[1]


def policy_of(of: Estate) -> str:
    assert of.mta_sts is not None
    return policy(of, of.mta_sts)


def test_every_envelope_domain_announces_its_policy_and_leads_to_the_web_host() -> None:
    records = derived(MAIL1)
    for domain in ("bounce.shop.example", "bounce.news.shop.example"):
        assert len(data(records, f"_mta-sts.{domain}", "TXT")) == 1
        assert data(records, f"mta-sts.{domain}", "CNAME") == ["www.shop.example."]
    assert policy_url("bounce.shop.example") == (
        "https://mta-sts.bounce.shop.example/.well-known/mta-sts.txt"
    )


def test_the_policy_names_the_inbound_hosts() -> None:
    declared = replace(whole_estate(MAIL1, replace(MAIL2, inbound=False)), mta_sts=None)
    strict = replace(declared, mta_sts=MtaSts("enforce", 604_800, "www.shop.example"))
    assert policy_of(strict) == (
        "version: STSv1\r\nmode: enforce\r\nmx: mail1.shop.example\r\nmax_age: 604800\r\n"
    )


def test_the_id_changes_when_the_policy_does_and_at_no_other_time() -> None:
    plain = whole_estate(MAIL1, MAIL2)
    changed = [
        with_policy(mode="enforce"),
        with_policy(max_age=86_400),
        whole_estate(MAIL1),
    ]
    assert len({policy_id(one) for one in [plain, *changed]}) == 4
    same = [
        with_policy(web_host="other.shop.example"),
        whole_estate(MAIL1, MAIL2, OUTBOUND),
        replace(plain, record_ttl=60, tls_reports=None),
    ]
    assert {policy_id(one) for one in same} == {policy_id(plain)}


def test_a_web_host_that_has_the_name_itself_is_no_alias_of_itself() -> None:
    records = derive(with_policy(web_host="mta-sts.bounce.shop.example"), ())
    assert data(records, "mta-sts.bounce.shop.example", "CNAME") == []
    assert data(records, "mta-sts.bounce.news.shop.example", "CNAME") == [
        "mta-sts.bounce.shop.example."
    ]


def test_what_is_not_declared_has_no_records() -> None:
    plain = derive(estate(MAIL1), ())
    assert {r.type for r in plain} == {"A", "AAAA", "MX", "PTR", "TXT"}
    assert not [r.owner for r in plain if "_mta-sts" in r.owner or "_tls" in r.owner]


# ---- TLS-RPT and unsubscribe ---------------------------------------------------------------------


def test_every_envelope_domain_says_where_reports_about_tls_go() -> None:
    records = derived(MAIL1)
    wanted = ['"v=TLSRPTv1; rua=mailto:tls@shop.example"']
    assert data(records, "_smtp._tls.bounce.shop.example", "TXT") == wanted
    assert data(records, "_smtp._tls.bounce.news.shop.example", "TXT") == wanted
    odd = replace(whole_estate(MAIL1), tls_reports="a!b@shop.example")
    (written,) = data(derive(odd, ()), "_smtp._tls.bounce.shop.example", "TXT")
    assert written == '"v=TLSRPTv1; rua=mailto:a%21b@shop.example"'


def test_the_name_in_unsubscribe_links_leads_to_the_shop() -> None:
    assert data(derived(MAIL1), "unsubscribe.news.shop.example", "CNAME") == ["www.shop.example."]


# ---- TLSA ----------------------------------------------------------------------------------------


def test_inbound_hosts_say_which_key_they_serve() -> None:
    records = derive(whole_estate(OUTBOUND, MAIL2), (), estates.CERTIFICATES)
    assert data(records, "_25._tcp.mail2.shop.example", "TLSA") == [f"3 1 1 {'2b' * 32}"]
    assert owners(records, "TLSA") == {"_25._tcp.mail2.shop.example"}


def test_a_host_without_a_certificate_has_no_tlsa_record_and_is_named() -> None:
    declared = whole_estate(MAIL1, MAIL2, replace(OUTBOUND, name="mail3"))
    served = (LiveCertificate("mail2", "2b" * 32),)
    assert owners(derive(declared, (), served), "TLSA") == {"_25._tcp.mail2.shop.example"}
    assert without_certificate(declared, served) == ("mail1",)
    assert without_certificate(declared, estates.CERTIFICATES) == ()
    assert without_certificate(replace(declared, tls=NoTls()), ()) == ()


# ---- CAA -----------------------------------------------------------------------------------------


def test_only_the_names_of_the_hosts_certificates_are_bound_to_the_authority() -> None:
    records = derived(MAIL1, MAIL2)
    assert data(records, "out1.shop.example", "CAA") == ['0 issue "ca.example"']
    assert owners(records, "CAA") == {*MAIL1.certificate_names, *MAIL2.certificate_names}


@pytest.mark.parametrize(
    "tls",
    [
        NoTls(),
        SuppliedTls("chain.pem", SecretRef("env", ("KEY",))),
        replace(estates.AUTHORITY, caa=None),
    ],
)
def test_nothing_is_bound_where_the_authority_is_not_known(
    tls: NoTls | SuppliedTls | AcmeTls,
) -> None:
    records = derive(replace(whole_estate(MAIL1), tls=tls), ())
    assert owners(records, "CAA") == set()


@pytest.mark.parametrize("hostname", ["shop.example", "example", "www.shop.example"])
def test_a_host_named_as_or_above_what_others_certify_is_not_bound(hostname: str) -> None:
    records = derived(replace(MAIL1, hostname=hostname))
    assert owners(records, "CAA") == {"out1.shop.example", "news1.shop.example"}


def test_a_host_above_a_policy_s_web_name_is_not_bound() -> None:
    below = replace(TRANSACTIONAL, envelope_domain="bounce.mail1.shop.example")
    records = derive(replace(whole_estate(MAIL1), streams=(below, MARKETING)), ())
    assert owners(records, "CAA") == {"out1.shop.example", "news1.shop.example"}


# ---- null MX -------------------------------------------------------------------------------------


def test_a_host_name_without_mail_says_so() -> None:
    assert data(derived(OUTBOUND), "mail1.shop.example", "MX") == ["0 ."]


def test_names_that_mail_comes_to_or_leaves_by_have_no_null_mx() -> None:
    assert "0 ." not in {r.data for r in derived(MAIL1)}
    shared = derived(replace(MAIL2, inbound=False))
    assert data(shared, "mail2.shop.example", "MX") == []


@pytest.mark.parametrize(
    "hostname", ["shop.example", "bounce.shop.example", "reports.example", "tls.example"]
)
def test_a_host_named_after_a_domain_with_mailboxes_has_no_null_mx(hostname: str) -> None:
    declared = whole_estate(replace(OUTBOUND, hostname=hostname))
    declared = replace(
        declared,
        dmarc=replace(declared.dmarc, reports="x@Reports.example"),
        tls_reports="x@tls.example",
    )
    assert "0 ." not in data(derive(declared, ()), hostname, "MX")
