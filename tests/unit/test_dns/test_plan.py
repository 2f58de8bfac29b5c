"""The plan tells a person what to publish, where and why, and what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from postroad.dns.dmarc import authorisations_by_others
from postroad.dns.names import declared_zone, organisation
from postroad.dns.plan import plan
from postroad.dns.records import derive
from postroad.dns.work_order import work_order
from postroad.settings.model import Dns, DnsZone, Estate, SecretRef

from . import estates
from .estates import MAIL1, MAIL2, estate, whole_estate

KEYS = (*estates.keys_of_mail1(), *estates.keys_of_mail2())


def zone(name: str) -> DnsZone:
    key = SecretRef("env", ("KEY",))
    return DnsZone(name, ip_address("192.0.2.53"), 53, "key", "hmac-sha256", key)


def with_zones(*names: str) -> Estate:
    zones = tuple(zone(name) for name in names)
    return replace(whole_estate(MAIL1, MAIL2), dns=Dns(resolvers=(), zones=zones))


def order_of(declared: Estate) -> str:
    return work_order(declared, derive(declared, KEYS, estates.CERTIFICATES), ())


def sections(order: str) -> dict[str, str]:
    """Heading → what stands below it; records are indented."""
    found: dict[str, str] = {}
    for line in order.splitlines():
        if line.startswith("  "):
            found[next(reversed(found))] += f"{line}\n"
        elif line:
            found[line] = ""
    return found


def test_every_record_is_there_with_its_reason() -> None:
    declared = whole_estate(MAIL1, MAIL2)
    order = order_of(declared)
    for record in derive(declared, KEYS, estates.CERTIFICATES):
        if record.type != "PTR":
            assert f"  {record.owner}  {record.type}  TTL 3600\n      {record.data}\n" in order
        assert record.why in order


def test_pointers_go_to_the_hoster() -> None:
    zones, hoster = order_of(estate(MAIL1, MAIL2)).split("At the hoster")
    assert "set PTR of 192.0.2.12 to out1.shop.example\n" in hoster
    assert "set PTR of 2001:db8::12 to out1.shop.example\n" in hoster
    # A key's base64 may hold these three letters.
    assert " PTR " not in zones
    assert "arpa" not in hoster


def test_records_stand_under_the_zone_they_belong_to() -> None:
    other = replace(estates.MARKETING, from_domains=("brand.co.uk",))
    declared = replace(estate(MAIL1), streams=(estates.TRANSACTIONAL, other))
    found = sections(work_order(declared, derive(declared, ()), ()))
    shop = next(text for heading, text in found.items() if "zone shop.example" in heading)
    brand = next(text for heading, text in found.items() if "zone brand.co.uk" in heading)
    assert "  _dmarc.brand.co.uk  TXT" in brand
    assert "  _dmarc.shop.example  TXT" in shop
    assert "  brand.co.uk._report._dmarc.shop.example  TXT" in shop
    assert "brand.co.uk  TXT" not in shop.replace("brand.co.uk._report", "")


def test_declared_zones_hold_their_own_the_longest_first() -> None:
    declared = with_zones("shop.example", "news.shop.example", "2.0.192.in-addr.arpa")
    assert declared_zone(declared, "bounce.news.shop.example") == "news.shop.example"
    assert declared_zone(declared, "news.shop.example") == "news.shop.example"
    assert declared_zone(declared, "badnews.shop.example") == "shop.example"
    assert declared_zone(declared, "shop.test") is None
    order = order_of(declared)
    found = sections(order)
    news = next(text for heading, text in found.items() if "zone news.shop.example" in heading)
    assert "  _dmarc.news.shop.example  TXT" in news
    assert "  12.2.0.192.in-addr.arpa  PTR" in order
    # The other addresses' reverse zones are the hoster's still.
    assert "set PTR of 198.51.100.21" in order
    assert "set PTR of 192.0.2.12" not in order


def test_a_part_of_a_reverse_zone_that_is_declared_holds_its_own() -> None:
    order = order_of(with_zones("0/25.2.0.192.in-addr.arpa"))
    found = sections(order)
    part = next(text for heading, text in found.items() if "0/25.2.0.192" in heading)
    assert "  12.0/25.2.0.192.in-addr.arpa  PTR" in part
    assert "set PTR of 192.0.2.12" not in order
    assert "set PTR of 198.51.100.21" in order


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("shop.example", "shop.example"),
        ("_25._tcp.mail1.shop.example", "shop.example"),
        ("a.b.shop.co.uk", "shop.co.uk"),
        ("example", "example"),
    ],
)
def test_undeclared_zones_are_guessed_by_form(name: str, whole: str) -> None:
    assert organisation(name) == whole


def test_others_are_asked_only_where_there_is_something_to_ask() -> None:
    assert "zones of others" not in order_of(estate(MAIL1, MAIL2))
    reported = estate(MAIL1, MAIL2, reports="x@reports.test")
    asked = order_of(reported).split("In zones of others")[1]
    for record in authorisations_by_others(reported):
        assert f"  {record.owner}  TXT" in asked


def test_records_of_keys_that_are_gone_are_named() -> None:
    key = replace(KEYS[0], selector="202605-mail1", public_key_base64="", revoked=True)
    said = plan(estate(MAIL1), estates.keys_of_mail1(), (key,), ()).text
    _, _, section = said.partition("To be removed:")
    assert f"  202605-mail1._domainkey.{key.domain}  TXT\n" in section


def test_no_records_make_no_section() -> None:
    order = work_order(estate(MAIL1), (), ())
    assert "In the zone" not in order
    assert "At the hoster" not in order


def test_the_plan_of_a_whole_estate() -> None:
    planned = plan(whole_estate(MAIL1, MAIL2), KEYS, (), estates.CERTIFICATES)
    assert planned.faults == ()
    assert "Wrong:" not in planned.text
    assert "Incomplete:" not in planned.text
    assert "  https://mta-sts.bounce.shop.example/.well-known/mta-sts.txt\n" in planned.text
    assert "      mode: testing\n      mx: mail1.shop.example\n" in planned.text
    assert "\r" not in planned.text


def test_the_plan_names_what_is_missing() -> None:
    declared = whole_estate(MAIL1, MAIL2)
    said = plan(declared, estates.keys_of_mail1(), (), estates.CERTIFICATES[1:]).text
    assert "mail2 has no DKIM key for marketing mail of news.shop.example yet" in said
    assert "mail1 serves no certificate yet" in said
    assert "mail1 has no DKIM key" not in said
    assert "mail2 serves no certificate" not in said


def test_the_plan_ends_with_what_is_wrong() -> None:
    declared = whole_estate(replace(MAIL1, hostname=f"{'a' * 64}.shop.example"))
    planned = plan(declared, KEYS, (), estates.CERTIFICATES)
    assert planned.faults
    assert planned.text.endswith(f"Wrong: {planned.faults[-1]}.\n")


def test_an_estate_without_a_policy_has_no_policy_file() -> None:
    assert "text/plain" not in plan(estate(MAIL1), (), (), ()).text
