"""Every kind of record, derived from the model."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from itertools import permutations
from typing import get_args

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from postroad.dns.dkim import without_key
from postroad.dns.dmarc import authorisations_by_others
from postroad.dns.records import Record, RecordType, UnusableKeyError, derive
from postroad.dns.text import txt
from postroad.settings.model import DmarcPolicy, Estate, Host

from . import estates
from .estates import MAIL1, MAIL2, MARKETING, TRANSACTIONAL, estate, live_key, whole_estate


def data(records: tuple[Record, ...], owner: str, kind: str) -> list[str]:
    return [r.data for r in records if (r.owner, r.type) == (owner, kind)]


def value(records: tuple[Record, ...], owner: str) -> str:
    """The one TXT value at ``owner``, its strings joined."""
    (text,) = data(records, owner, "TXT")
    return "".join(re.findall(r'"([^"]*)"', text))


def without_keys(*hosts: Host) -> tuple[Record, ...]:
    return derive(estate(*hosts), ())


def test_host_and_helo_names_have_their_addresses() -> None:
    records = without_keys(MAIL1)
    assert data(records, "mail1.shop.example", "A") == ["192.0.2.11"]
    assert data(records, "mail1.shop.example", "AAAA") == ["2001:db8::11"]
    assert data(records, "out1.shop.example", "A") == ["192.0.2.12"]
    assert data(records, "out1.shop.example", "AAAA") == ["2001:db8::12"]
    assert data(records, "news1.shop.example", "A") == ["192.0.2.13"]
    assert data(records, "news1.shop.example", "AAAA") == []


def test_every_address_has_the_name_that_it_says_in_helo() -> None:
    records = without_keys(MAIL1)
    assert data(records, "11.2.0.192.in-addr.arpa", "PTR") == ["mail1.shop.example."]
    assert data(records, "12.2.0.192.in-addr.arpa", "PTR") == ["out1.shop.example."]
    assert data(records, "13.2.0.192.in-addr.arpa", "PTR") == ["news1.shop.example."]
    out1_v6 = "2.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    assert data(records, out1_v6, "PTR") == ["out1.shop.example."]


def test_an_address_that_mail_leaves_from_is_named_after_helo_and_not_after_the_host() -> None:
    way = estates.way_out("transactional", "out.shop.example", "192.0.2.11")
    records = without_keys(estates.host("mail1", ("192.0.2.11",), way))
    assert data(records, "11.2.0.192.in-addr.arpa", "PTR") == ["out.shop.example."]


def test_a_shared_address_needs_each_record_once() -> None:
    records = without_keys(MAIL2)
    assert data(records, "mail2.shop.example", "A") == ["198.51.100.21"]
    assert data(records, "21.100.51.198.in-addr.arpa", "PTR") == ["mail2.shop.example."]
    assert value(records, "mail2.shop.example") == "v=spf1 ip4:198.51.100.21 -all"
    assert value(records, "bounce.shop.example") == "v=spf1 ip4:198.51.100.21 ~all"
    assert value(records, "bounce.news.shop.example") == "v=spf1 ip4:198.51.100.21 ~all"


def test_a_record_that_two_uses_need_keeps_the_first_reason() -> None:
    (record,) = [r for r in without_keys(MAIL2) if r.type == "A"]
    assert record.why == "the host mail2"


def test_bounces_go_to_every_inbound_host() -> None:
    records = without_keys(MAIL1, MAIL2)
    wanted = ["10 mail1.shop.example.", "10 mail2.shop.example."]
    assert data(records, "bounce.shop.example", "MX") == wanted
    assert data(records, "bounce.news.shop.example", "MX") == wanted


def test_a_host_that_takes_no_mail_in_is_no_mx() -> None:
    records = without_keys(MAIL1, replace(MAIL2, inbound=False))
    assert data(records, "bounce.shop.example", "MX") == ["10 mail1.shop.example."]
    alone = without_keys(replace(MAIL1, inbound=False))
    assert data(alone, "bounce.shop.example", "MX") == []


def test_spf_of_an_envelope_domain_names_the_ways_out_of_its_stream_alone() -> None:
    records = without_keys(MAIL1, MAIL2)
    transactional = "v=spf1 ip4:192.0.2.12 ip4:198.51.100.21 ip6:2001:db8::12 ~all"
    assert value(records, "bounce.shop.example") == transactional
    marketing = "v=spf1 ip4:192.0.2.13 ip4:198.51.100.21 ~all"
    assert value(records, "bounce.news.shop.example") == marketing


def test_spf_of_helo_names_refuses_everybody_else() -> None:
    records = without_keys(MAIL1)
    helo = "v=spf1 ip4:192.0.2.12 ip6:2001:db8::12 -all"
    assert value(records, "out1.shop.example") == helo
    assert value(records, "news1.shop.example") == "v=spf1 ip4:192.0.2.13 -all"


def test_a_host_name_that_no_mail_leaves_by_may_send_nothing() -> None:
    assert value(without_keys(MAIL1), "mail1.shop.example") == "v=spf1 -all"


def test_a_sending_domain_that_is_also_a_host_name_keeps_the_spf_record_of_its_owner() -> None:
    host = replace(MAIL1, hostname="shop.example")
    assert data(without_keys(host), "shop.example", "TXT") == []


def test_a_sending_domain_keeps_the_spf_record_of_its_owner() -> None:
    assert data(without_keys(MAIL1), "shop.example", "TXT") == []


def with_transactional(envelope_domain: str) -> Estate:
    transactional = replace(TRANSACTIONAL, envelope_domain=envelope_domain)
    return replace(estate(MAIL1), streams=(transactional, MARKETING))


def test_a_sending_domain_that_is_also_envelope_domain_gets_spf() -> None:
    records = derive(with_transactional("shop.example"), ())
    assert value(records, "shop.example") == "v=spf1 ip4:192.0.2.12 ip6:2001:db8::12 ~all"


def test_names_that_coincide_share_one_spf_record() -> None:
    records = derive(with_transactional("mail1.shop.example"), ())
    assert value(records, "mail1.shop.example") == "v=spf1 ip4:192.0.2.12 ip6:2001:db8::12 ~all"


def test_the_envelope_domain_of_a_stream_that_no_host_carries_may_send_nothing() -> None:
    lone = estates.host("mail1", ("192.0.2.11",), MAIL1.ways_out[0])
    assert value(without_keys(lone), "bounce.news.shop.example") == "v=spf1 -all"


def many_hosts(count: int) -> Estate:
    """Hosts 100, 101 … of one stream, each with an IPv4 address of 11 characters."""
    hosts = [
        estates.host(
            f"m{n}",
            (f"192.0.2.{n}",),
            estates.way_out("transactional", f"m{n}.shop.example", f"192.0.2.{n}"),
        )
        for n in range(100, 100 + count)
    ]
    return estate(*hosts)


def test_many_addresses_make_one_spf_record_of_several_strings() -> None:
    records = derive(many_hosts(20), ())
    (text,) = data(records, "bounce.shop.example", "TXT")
    strings = re.findall(r'"([^"]*)"', text)
    assert len(strings[0]) == 255
    assert len(strings) == 2
    addresses = " ".join(f"ip4:192.0.2.{n}" for n in range(100, 120))
    assert value(records, "bounce.shop.example") == f"v=spf1 {addresses} ~all"


def test_more_addresses_than_one_answer_holds_stand_in_parts_that_fit() -> None:
    records = derive(many_hosts(60), ())
    whole = value(records, "bounce.shop.example")
    owners = [f"_spf{n}.bounce.shop.example" for n in (1, 2, 3)]
    assert whole == f"v=spf1 {' '.join(f'include:{owner}' for owner in owners)} ~all"
    parts = [value(records, owner) for owner in owners]
    found = [term for part in parts for term in part.split(" ") if term.startswith("ip4:")]
    assert found == [f"ip4:192.0.2.{n}" for n in range(100, 160)]
    for owner, part in zip(owners, parts, strict=True):
        assert (part.startswith("v=spf1 ip4:"), part.endswith(" -all")) == (True, True)
        assert len(owner) + len(part) <= 450


@pytest.mark.parametrize("count", [26, 27])
def test_spf_is_in_one_piece_as_long_as_it_fits(count: int) -> None:
    whole = value(derive(many_hosts(count), ()), "bounce.shop.example")
    one_piece = len("bounce.shop.example") + len("v=spf1 ~all") + 16 * count
    assert ("include:" in whole) == (one_piece > 450)


def test_a_2048_bit_key_is_one_record_of_two_strings_that_holds_the_key() -> None:
    key = live_key("mail1", "transactional", "shop.example", 1)
    records = derive(estate(MAIL1), [key])
    (text,) = data(records, "202611-mail1._domainkey.shop.example", "TXT")
    first, second = re.findall(r'"([^"]*)"', text)
    assert len(first) == 255
    assert 0 < len(second) <= 255
    head, _, published = (first + second).partition("p=")
    assert head == "v=DKIM1; k=rsa; h=sha256; t=s; "
    parsed = load_der_public_key(b64decode(published, validate=True))
    assert isinstance(parsed, RSAPublicKey)
    assert parsed.key_size == 2048


def test_each_host_and_stream_has_a_selector() -> None:
    keys = [*estates.keys_of_mail1(), *estates.keys_of_mail2()]
    owners = {r.owner for r in derive(estate(MAIL1, MAIL2), keys) if "_domainkey" in r.owner}
    assert owners == {
        "202611-mail1._domainkey.shop.example",
        "202611-mail2._domainkey.shop.example",
        "202611-mail1._domainkey.news.shop.example",
        "202611-mail2._domainkey.news.shop.example",
    }


def test_one_key_that_two_hosts_use_is_published_once() -> None:
    shared = [
        replace(live_key(name, "transactional", "shop.example", 1), selector="202611")
        for name in ("mail1", "mail2")
    ]
    records = derive(estate(MAIL1, MAIL2), shared)
    assert len(data(records, "202611._domainkey.shop.example", "TXT")) == 1


def test_two_keys_under_one_selector_are_refused_by_name() -> None:
    keys = [
        replace(live_key(name, "transactional", "shop.example", number), selector="202611")
        for number, name in enumerate(("mail1", "mail2"))
    ]
    with pytest.raises(UnusableKeyError, match=r"mail1 .* mail2 .*202611\._domainkey.*_label"):
        derive(estate(MAIL1, MAIL2), keys)


@pytest.mark.parametrize("broken", ["", "not base64", "AAAA; AAAA", "ключ"])
def test_a_key_that_is_not_base64_is_refused(broken: str) -> None:
    key = replace(estates.keys_of_mail1()[0], public_key_base64=broken)
    with pytest.raises(UnusableKeyError, match=r"202611-mail1\._domainkey\.shop\.example on mail1"):
        derive(estate(MAIL1), [key])


def test_domains_without_a_key_are_told() -> None:
    assert without_key(estate(MAIL1), estates.keys_of_mail1()) == ()
    assert without_key(estate(MAIL1, MAIL2), estates.keys_of_mail1()) == (
        ("mail2", "transactional", "shop.example"),
        ("mail2", "marketing", "news.shop.example"),
    )


def test_every_sending_domain_has_a_dmarc_policy_for_itself_and_what_is_below() -> None:
    records = without_keys(MAIL1)
    policy = "v=DMARC1; p=none; sp=none; np=none; rua=mailto:dmarc@shop.example"
    assert value(records, "_dmarc.shop.example") == policy
    assert value(records, "_dmarc.news.shop.example") == policy


def test_the_declared_policy_is_published() -> None:
    strict = estate(MAIL1)
    strict = replace(strict, dmarc=replace(strict.dmarc, policy="reject"))
    assert value(derive(strict, ()), "_dmarc.shop.example").startswith(
        "v=DMARC1; p=reject; sp=reject; np=reject; "
    )


def test_a_domain_may_be_at_another_stage() -> None:
    staged = estate(MAIL1)
    stages: tuple[tuple[str, DmarcPolicy], ...] = (("news.shop.example", "quarantine"),)
    staged = replace(staged, dmarc=replace(staged.dmarc, policy="none", stages=stages))
    records = derive(staged, ())
    assert value(records, "_dmarc.shop.example").startswith("v=DMARC1; p=none; sp=none; np=none; ")
    assert value(records, "_dmarc.news.shop.example").startswith(
        "v=DMARC1; p=quarantine; sp=quarantine; np=quarantine; "
    )


def test_separators_in_the_report_address_are_encoded() -> None:
    records = derive(estate(MAIL1, reports="a,b!c;d%e@shop.example"), ())
    assert value(records, "_dmarc.shop.example").endswith(
        "rua=mailto:a%2Cb%21c%3Bd%25e@shop.example"
    )


def test_reports_within_one_organization_need_no_authorisation() -> None:
    owners = {r.owner for r in without_keys(MAIL1)}
    assert not [owner for owner in owners if "_report" in owner]
    assert authorisations_by_others(estate(MAIL1)) == ()


def test_a_parent_without_a_record_of_its_own_is_another_organization() -> None:
    """RFC 9989 §4.10.2: the tree walk ends at the record with the fewest labels."""
    below = replace(estate(MAIL1), streams=(MARKETING,))
    (asked,) = authorisations_by_others(below)
    assert asked.owner == "news.shop.example._report._dmarc.shop.example"
    beneath = replace(below, dmarc=replace(below.dmarc, reports="d@in.news.shop.example"))
    assert authorisations_by_others(beneath) == ()
    assert not [r for r in derive(beneath, ()) if "_report" in r.owner]


def test_our_own_report_domain_authorises_our_other_domains() -> None:
    other = replace(MARKETING, from_domains=("brand.example",))
    two_domains = replace(estate(MAIL1), streams=(TRANSACTIONAL, other))
    records = derive(two_domains, ())
    assert value(records, "brand.example._report._dmarc.shop.example") == "v=DMARC1"
    assert data(records, "shop.example._report._dmarc.shop.example", "TXT") == []
    assert authorisations_by_others(two_domains) == ()


def test_a_strangers_report_domain_is_left_to_the_stranger() -> None:
    reported = estate(MAIL1, reports="shop@reports.test")
    assert not [r for r in derive(reported, ()) if r.owner.endswith("reports.test")]
    assert [r.owner for r in authorisations_by_others(reported)] == [
        "shop.example._report._dmarc.reports.test",
        "news.shop.example._report._dmarc.reports.test",
    ]


def test_the_order_depends_on_nothing_but_the_records() -> None:
    keys = [*estates.keys_of_mail1(), *estates.keys_of_mail2()]
    wanted = derive(estate(MAIL1, MAIL2), keys)
    for order in permutations(keys):
        assert derive(estate(MAIL1, MAIL2), order) == wanted
    plain = [(r.owner, r.type, r.data) for r in wanted]
    turned = [(r.owner, r.type, r.data) for r in derive(estate(MAIL2, MAIL1), keys)]
    assert turned == plain
    assert len(set(plain)) == len(plain)


def test_every_record_has_the_ttl_of_the_estate_and_one_line_of_why() -> None:
    quick = replace(whole_estate(MAIL1, MAIL2), record_ttl=60)
    records = derive(quick, estates.keys_of_mail1(), estates.CERTIFICATES)
    assert {r.type for r in records} == set(get_args(RecordType))
    assert {r.ttl for r in records} == {60}
    assert all(r.why and "\n" not in r.why for r in records)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", '""'),
        ("a b", '"a b"'),
        ('say "x"; \\', '"say \\"x\\"; \\\\"'),
        ("tab\there", '"tab\\009here"'),
        ("x" * 255, f'"{"x" * 255}"'),
        ("x" * 256, f'"{"x" * 255}" "x"'),
        ('"' * 256, f'"{chr(92) + chr(34)}' + (chr(92) + chr(34)) * 254 + '" "\\""'),
    ],
)
def test_txt_is_cut_by_octets_and_escaped(text: str, written: str) -> None:
    assert txt(text) == written


def test_txt_refuses_what_is_not_ascii() -> None:
    with pytest.raises(UnicodeEncodeError):
        txt("“v=spf1 -all”")
