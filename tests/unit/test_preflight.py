"""What makes a run refuse a host: each reason, and every reason at once."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from postroad.host.found import HostState
from postroad.mail.preflight import CLOCK_SECONDS, FREE_KIB, SUPPORTED, refusals, warnings
from tests.unit import estates
from tests.unit.declarations import declaration
from tests.unit.machine import bare

ESTATE = estates.estate(declaration())
MAIL1 = ESTATE.host("mail1")
FRESH = bare(ESTATE, MAIL1)
BELOW = FREE_KIB - 1


def reasons(state: HostState, clock_ahead: float = 0) -> list[str]:
    return list(refusals(ESTATE, MAIL1, state, clock_ahead))


def test_a_fresh_host_is_taken() -> None:
    assert reasons(FRESH) == []


@pytest.mark.parametrize(
    ("distribution", "release"), [(name, r) for name, known in SUPPORTED.items() for r in known]
)
def test_every_supported_release_is_taken(distribution: str, release: str) -> None:
    assert reasons(replace(FRESH, distribution=distribution, release=release)) == []


def test_another_release_is_taken_where_the_operator_answers_for_it() -> None:
    estate = replace(ESTATE, other_releases=("debian 11",))
    bullseye = replace(FRESH, release="11")
    assert list(refusals(estate, MAIL1, bullseye, 0)) == []
    (sentence,) = warnings(bullseye)
    assert "it runs debian 11, which postroad is not made for" in sentence
    assert list(warnings(FRESH)) == []
    (reason,) = refusals(estate, MAIL1, replace(FRESH, release="10"), 0)
    assert 'write "debian 10" under estate["other_releases"]' in reason


def lacking(*addresses: str) -> HostState:
    return replace(FRESH, addresses=FRESH.addresses - {ip_address(a) for a in addresses})


@pytest.mark.parametrize(
    ("state", "wrong", "mend"),
    [
        (replace(FRESH, uid=1000), "the connection is not root's", "log in as root, or set _sudo"),
        (
            replace(FRESH, release="11"),
            "it runs debian 11, which postroad does not know",
            "use one of debian 12, 13; ubuntu 22.04, 24.04, 26.04",
        ),
        (replace(FRESH, distribution="alpine", release="3.20"), "it runs alpine 3.20", "debian 12"),
        (replace(FRESH, distribution="ubuntu", release="12"), "it runs ubuntu 12", "ubuntu 22.04"),
        (replace(FRESH, var_free_kib=BELOW), "/var has 1023 MiB free", "make room, 1024 MiB"),
        (replace(FRESH, var_free_inodes=9_999), "/var has 9999 inodes free", "du --inodes"),
        (
            replace(FRESH, has_user_namespaces=False),
            "it lets nobody make a user namespace",
            "sysctl user.max_user_namespaces must not be 0",
        ),
        (
            lacking("192.0.2.12"),
            "transactional is to send from 192.0.2.12, which is not on the host",
            "add the address to its network configuration",
        ),
        (
            lacking("2001:db8::13"),
            "marketing is to send from 2001:db8::13, which is not on the host",
            "correct it in the estate",
        ),
        (lacking("192.0.2.11"), "its own address 192.0.2.11 is not on the host", "add it to its"),
    ],
)
def test_each_reason_with_its_mend(state: HostState, wrong: str, mend: str) -> None:
    (reason,) = reasons(state)
    assert wrong in reason
    assert mend in reason


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (CLOCK_SECONDS, []),
        (-CLOCK_SECONDS, []),
        (CLOCK_SECONDS + 1, ["its clock is 61 s ahead of this machine's"]),
        (-3600, ["its clock is 3600 s behind this machine's"]),
    ],
)
def test_the_clock(ahead: float, said: list[str]) -> None:
    assert [reason.partition(":")[0] for reason in reasons(FRESH, ahead)] == said


def test_just_enough_room_is_enough() -> None:
    assert reasons(replace(FRESH, var_free_kib=FREE_KIB)) == []


def test_every_reason_is_told_at_once() -> None:
    spoilt = replace(FRESH, release="11", var_free_kib=0, addresses=frozenset())
    assert len(reasons(spoilt, 3600)) == 3 + 3 + 2


def test_nothing_is_told_of_a_host_that_a_login_without_root_cannot_see() -> None:
    seen_by_nobody = replace(
        FRESH, uid=1, release="11", var_free_kib=0, addresses=frozenset(), users={}
    )
    (reason,) = reasons(seen_by_nobody, 3600)
    assert "not root's" in reason
