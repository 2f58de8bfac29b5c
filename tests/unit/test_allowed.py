"""What the firewall lets in: what the estate needs, in ufw's own words, and no more."""

from __future__ import annotations

import pytest

from postroad.mail.firewall.allowed import rules as wanted
from postroad.mail.firewall.plan import Firewall
from postroad.mail.firewall.rule import parse_rule
from tests.unit import estates
from tests.unit.declarations import Declaration, declaration, put, shared

NARROW = put(put(declaration(), ("admin", "networks"), ["198.51.100.7/32"]), ("tls",), estates.NONE)


def rules(declared: Declaration, host: str = "mail1") -> list[str]:
    estate = estates.estate(declared)
    return [str(rule) for rule in wanted(estate, estate.host(host))]


def test_an_estate_s_openings_ssh_first() -> None:
    assert rules(declaration()) == [
        "allow from 198.51.100.0/24 to any port 22 proto tcp comment 'ssh'",
        "allow 25/tcp comment 'bounces and complaints'",
        "allow 80/tcp comment 'acme http-01'",
        *(
            f"allow from 198.51.100.32/27 to {address} port {port} proto tcp "
            f"comment '{stream} submission'"
            for stream, address in (("transactional", "192.0.2.12"), ("marketing", "192.0.2.13"))
            for port in (587, 465)
        ),
    ]


def test_one_address_has_four_submission_ports() -> None:
    assert [rule.split()[6] for rule in rules(shared(), "mail2") if "submission" in rule] == [
        "587",
        "465",
        "2587",
        "2465",
    ]


def test_clients_reach_the_addresses_of_their_family_alone() -> None:
    both = put(
        declaration(), ("streams", "marketing", "clients"), ["198.51.100.9/32", "2001:db8:c::/48"]
    )
    assert [rule.split(" proto")[0] for rule in rules(both) if "marketing" in rule] == [
        "allow from 198.51.100.9 to 192.0.2.13 port 587",
        "allow from 198.51.100.9 to 192.0.2.13 port 465",
        "allow from 2001:db8:c::/48 to 2001:db8::13 port 587",
        "allow from 2001:db8:c::/48 to 2001:db8::13 port 465",
    ]


def test_port_25_is_open_where_inbound_is() -> None:
    elsewhere = estates.DECLARED["inbound elsewhere"]
    assert not [rule for rule in rules(elsewhere, "mail2") if " 25/tcp" in rule]
    assert [rule for rule in rules(elsewhere, "mail1") if " 25/tcp" in rule]


@pytest.mark.parametrize("tls", [estates.NONE, estates.SUPPLIED, estates.DNS01])
def test_port_80_is_open_for_http_01_alone(tls: Declaration) -> None:
    assert not [rule for rule in rules(estates.with_tls(tls)) if "80/tcp" in rule]


def test_ssh_listens_where_the_operator_says() -> None:
    declared = put(NARROW, ("firewall",), {"ssh_port": 2222})
    assert rules(declared)[0] == "allow from 198.51.100.7 to any port 2222 proto tcp comment 'ssh'"


def test_further_openings_are_the_operator_s() -> None:
    opening = {
        "port": 9100,
        "protocol": "tcp",
        "networks": ["198.51.100.0/28", "2001:db8:5::5/128"],
        "comment": "node exporter",
    }
    assert rules(put(NARROW, ("firewall",), {"open": [opening]}))[-2:] == [
        "allow from 198.51.100.0/28 to any port 9100 proto tcp comment 'node exporter'",
        "allow from 2001:db8:5::5 to any port 9100 proto tcp comment 'node exporter'",
    ]


def test_anywhere_is_one_rule_for_both_families() -> None:
    declared = put(NARROW, ("admin", "networks"), ["0.0.0.0/0", "::/0"])
    assert [rule for rule in rules(declared) if "ssh" in rule] == ["allow 22/tcp comment 'ssh'"]


def test_what_ufw_holds_to_be_one_rule_is_wanted_once() -> None:
    opening = {"port": 25, "protocol": "tcp", "networks": ["0.0.0.0/0"], "comment": "mail too"}
    declared = put(NARROW, ("firewall",), {"open": [opening]})
    assert [rule for rule in rules(declared) if "25/tcp" in rule] == [
        "allow 25/tcp comment 'bounces and complaints'"
    ]


@pytest.mark.parametrize("name", estates.DECLARED)
def test_every_set_is_one_that_ufw_takes_and_gives_back(name: str) -> None:
    estate = estates.estate(estates.DECLARED[name])
    for host in estate.hosts:
        found = wanted(estate, host)
        Firewall(rules=found)
        assert tuple(parse_rule(str(rule)) for rule in found) == found
