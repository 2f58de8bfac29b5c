"""What becomes of a packet, by the kernel's rules."""

from __future__ import annotations

import pytest

from postroad.audit.netfilter import Packet, may_leave, parse
from postroad.paths import SYSTEM_MAIL_PORT
from tests.unit.healthy import POSTFIX_UID, RULES

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


def test_only_postfix_and_root_come_in_where_roots_mail_does() -> None:
    rules = parse(RULES)
    assert may_leave(rules, Packet(SYSTEM_MAIL_PORT, POSTFIX_UID, is_local=True))
    assert may_leave(rules, Packet(SYSTEM_MAIL_PORT, 0, is_local=True))
    assert not may_leave(rules, Packet(SYSTEM_MAIL_PORT, 33, is_local=True))
    assert may_leave(rules, Packet(587, 33, is_local=True))
    assert may_leave(parse(with_first("-o lo -j ACCEPT")), Packet(SYSTEM_MAIL_PORT, 33, True))
    assert not may_leave(parse(with_first("-o eth0 -j ACCEPT")), Packet(SYSTEM_MAIL_PORT, 33, True))
