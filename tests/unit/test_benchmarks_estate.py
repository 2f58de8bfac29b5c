"""The benchmarks' estates: every size has room in the lab's range, and clashes with nobody."""

from __future__ import annotations

import pytest

from benchmarks import estate
from lab.hosts.network import MACHINE
from lab.images import recipes
from lab.world import internet


@pytest.mark.parametrize("hosts", [1, 10, 30])
def test_no_address_is_anybody_else_s(hosts: int) -> None:
    mine = [suffix for target in estate.targets(hosts) for suffix in target.suffixes]
    fixed = [suffix for host in internet.HOSTS.values() for suffix in host.suffixes]
    assert len(mine) == len(set(mine)) == 3 * hosts
    assert not set(mine) & {MACHINE, *fixed}
    assert all(5 <= suffix <= 254 for suffix in mine)


def test_a_smaller_estate_is_the_beginning_of_a_greater_one() -> None:
    assert estate.targets(30)[:10] == estate.targets(10)
    assert [target.name for target in estate.targets(30)] == list(estate.names(30))


def test_one_host_is_bare_and_the_others_have_the_packages() -> None:
    first, *others = (target.suite for target in estate.targets(30))
    assert first == "bookworm"
    assert set(others) == {recipes.FURNISHED}


@pytest.mark.parametrize("hosts", [0, 31])
def test_other_sizes_have_no_room(hosts: int) -> None:
    with pytest.raises(ValueError, match="1 to 30"):
        estate.targets(hosts)


def test_a_part_is_said_to_pyinfra() -> None:
    assert estate.limit(2) == ("--limit", "mail1", "--limit", "mail2")


def said(**outcomes: list[str]) -> estate.Said:
    """A run of one operation, as pyinfra's --json tells it."""
    none: dict[str, list[str]] = {how: [] for how in estate.HOW}
    return {"results": {"operations": [{"name": "Packages", **none, **outcomes}]}}


def test_a_run_about_other_hosts_is_no_sample() -> None:
    estate.refuse_absence(said(success=["mail1"], no_change=["mail2"]), 2)
    with pytest.raises(RuntimeError, match="not about 2 hosts: see mail2"):
        estate.refuse_absence(said(no_change=["mail1"]), 2)
    with pytest.raises(RuntimeError, match="not about 1 host: see mail1"):
        estate.refuse_absence(said(), 1)


def test_a_run_that_changes_is_no_no_op() -> None:
    estate.refuse_changes(said(no_change=["mail1"]))
    with pytest.raises(RuntimeError, match="Packages"):
        estate.refuse_changes(said(success=["mail1"]))
