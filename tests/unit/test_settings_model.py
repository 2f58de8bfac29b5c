"""What the model answers about itself."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from postroad.settings.read import read
from tests.unit.declarations import declaration, put, two_hosts

ESTATE = read(put(two_hosts(), ("hosts", "mail2", "inbound"), False), "group_data/prod.py")


def test_parts_are_found_by_name() -> None:
    host = ESTATE.host("mail2")
    assert host.hostname == "mail2.shop.example"
    assert ESTATE.stream("marketing").bounce_address == "bounce@bounce.news.shop.example"
    assert [(s.name, w.starttls_port) for s, w in ESTATE.streams_of(host)] == [
        ("transactional", 587),
        ("marketing", 2587),
    ]


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(KeyError, match="no host mail9"):
        ESTATE.host("mail9")
    one = declaration()
    del one["streams"]["marketing"], one["hosts"]["mail1"]["ways_out"]["marketing"]
    estate = read(one, "group_data/prod.py")
    with pytest.raises(KeyError, match="no stream marketing"):
        estate.stream("marketing")
    with pytest.raises(KeyError, match="host mail1 carries no marketing"):
        estate.host("mail1").way_out("marketing")


def test_certificates_name_each_name_once_the_hosts_own_first() -> None:
    assert ESTATE.host("mail1").certificate_names == (
        "mail1.shop.example",
        "out1.shop.example",
        "news1.shop.example",
    )
    assert ESTATE.host("mail2").certificate_names == ("mail2.shop.example",)


def test_addresses_and_streams_of_a_host() -> None:
    host = ESTATE.host("mail1")
    assert host.addresses == (IPv4Address("192.0.2.11"), IPv6Address("2001:db8::11"))
    assert ESTATE.host("mail2").addresses == (IPv4Address("192.0.2.21"),)
    assert host.streams == ("transactional", "marketing")


def test_domains_and_inbound_hosts_of_the_estate() -> None:
    assert ESTATE.from_domains == ("shop.example", "news.shop.example")
    assert [host.name for host in ESTATE.inbound_hosts] == ["mail1"]
