"""What becomes of a packet, by the kernel's rules."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from postroad.audit.netfilter import Packet, may_leave, parse
from postroad.settings.ports import SYSTEM_MAIL_PORT
from tests.unit.healthy import NOWHERE_RULES, POSTFIX_UID, RULES

STRANGER = Packet(25, 33)
POSTFIX = Packet(25, POSTFIX_UID)


def with_first(rule: str) -> tuple[str, ...]:
    """The rules with one more before all others of the chain."""
    at = next(i for i, line in enumerate(RULES) if line.startswith("-A ufw-before-output"))
    return (*RULES[:at], f"-A ufw-before-output {rule}", *RULES[at:])


def test_only_postfix_gets_out() -> None:
    rules = parse(RULES)
    assert may_leave(rules, POSTFIX)
    assert not may_leave(rules, STRANGER)
    assert may_leave(rules, Packet(443, 33))


@pytest.mark.parametrize(
    "rule",
    [
        "-p tcp -m tcp --dport 25 -j ACCEPT",
        "-p tcp -m multiport --dports 25,587 -j ACCEPT",
        "-p tcp -m tcp --dport 1:1024 -j ACCEPT",
        "-j ACCEPT",
        "-o eth0 -j ACCEPT",
        "! -o lo -j ACCEPT",
        "-m set --match-set friends dst -j ACCEPT",
        "-m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT",
    ],
)
def test_what_may_accept_is_a_leak(rule: str) -> None:
    assert may_leave(parse(with_first(rule)), STRANGER)


@pytest.mark.parametrize(
    "rule",
    [
        "-p udp -m udp --dport 25 -j ACCEPT",
        "-p tcp -m tcp --dport 587 -j ACCEPT",
        "-m owner --uid-owner 0 -j ACCEPT",
        "-o lo -j ACCEPT",
        "-j ufw-logging-deny",
    ],
)
def test_what_is_about_others_is_none(rule: str) -> None:
    assert not may_leave(parse(with_first(rule)), STRANGER)


def test_what_only_may_stop_does_not_count() -> None:
    limited = [r.replace("--dport 25 -j REJECT", "--dport 25 -m limit -j REJECT") for r in RULES]
    assert may_leave(parse(limited), STRANGER)


def test_a_chain_that_is_not_reached_stops_nothing() -> None:
    assert may_leave(parse([r for r in RULES if r != "-A OUTPUT -j ufw-before-output"]), STRANGER)


def test_without_rules_the_policy_decides() -> None:
    assert may_leave(parse(["-P OUTPUT ACCEPT"]), STRANGER)
    assert not may_leave(parse(["-P OUTPUT DROP"]), STRANGER)


def to(address: str) -> Packet:
    """A packet of Postfix's to port 25 of ``address``."""
    return Packet(25, POSTFIX_UID, ip_address(address))


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "8.8.8.8"])
def test_a_destination_is_looked_at(address: str) -> None:
    rules = parse((*NOWHERE_RULES[4], *RULES))
    assert may_leave(rules, to(address)) == (address == "8.8.8.8")
    assert may_leave(parse(RULES), to(address))


def test_what_comes_first_counts() -> None:
    declared = "-A ufw-before-output -d 10.1.0.0/16 -p tcp -m tcp --dport 25 -j ACCEPT"
    rules = parse((declared, *NOWHERE_RULES[4], *RULES))
    assert may_leave(rules, to("10.1.0.1"))
    assert not may_leave(rules, to("10.2.0.1"))


def test_what_is_from_loopback_is_another_packet() -> None:
    rule = "-s 127.0.0.0/8 -d 127.0.0.0/8 -p tcp -m tcp --dport 25 -j REJECT"
    assert may_leave(parse(with_first(rule)), to("127.0.0.1"))
    assert not may_leave(parse(with_first(f"! {rule}")), to("127.0.0.1"))


def at_roots_door(uid: int) -> Packet:
    """A packet of a process of this user to where root's and cron's mail comes in."""
    return Packet(SYSTEM_MAIL_PORT, uid, ip_address("127.0.0.1"))


def test_only_postfix_and_root_come_in_where_roots_mail_does() -> None:
    rules = parse(RULES)
    assert may_leave(rules, at_roots_door(POSTFIX_UID))
    assert may_leave(rules, at_roots_door(0))
    assert not may_leave(rules, at_roots_door(33))
    assert may_leave(rules, Packet(587, 33, ip_address("127.0.0.1")))
    assert may_leave(parse(with_first("-o lo -j ACCEPT")), at_roots_door(33))
    assert not may_leave(parse(with_first("-o eth0 -j ACCEPT")), at_roots_door(33))
