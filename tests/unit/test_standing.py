"""What a stream may do: what was verified stays, what is new waits alone, what must close does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from postroad.dns.dkim import LiveKey
from postroad.dns.needs import Need, as_line, digest, needs
from postroad.mail.standing import (
    NO_KEY,
    UNVERIFIED,
    Standing,
    Wanted,
    latch,
    remembered,
    standing,
    unasked,
)
from postroad.settings.model import Estate, Host, Stream, WayOut
from tests.unit.test_dns import estates
from tests.unit.test_dns.estates import MAIL1, MARKETING, TRANSACTIONAL, public_key

TOYS = "toys.example"
BOTH = replace(TRANSACTIONAL, from_domains=("shop.example", TOYS))


def key(domain: str, number: int, selector: str = "202611-mail1") -> LiveKey:
    return LiveKey("mail1", "transactional", domain, selector, public_key(number))


SHOP_KEY, TOYS_KEY = key("shop.example", 1), key(TOYS, 2)


def wanted(
    stream: Stream = TRANSACTIONAL,
    host: Host = MAIL1,
    keys: Iterable[LiveKey] = (SHOP_KEY,),
    beside: Iterable[LiveKey] = (),
) -> Wanted:
    """A stream of mail1; ``keys`` are those that are to sign, ``beside`` are there as well."""
    estate: Estate = replace(estates.estate(host), streams=(stream, MARKETING))
    found = needs(estate, host, stream, tuple(keys))
    return Wanted(stream, host.way_out("transactional"), found, (*beside, *keys))


def way(**changed: object) -> Host:
    """mail1, whose transactional way out differs."""
    first, *rest = MAIL1.ways_out
    return replace(MAIL1, ways_out=(replace(first, **changed), *rest))  # type: ignore[arg-type]


class World:
    """What the host's resolver says: ``wrong`` are words, a need that holds one is not there."""

    def __init__(self, *wrong: str) -> None:
        self.wrong = wrong
        self.asked: list[Need] = []

    def __call__(self, asked: tuple[Need, ...]) -> Mapping[Need, str]:
        assert not self.asked, "asked twice"
        self.asked = list(asked)
        return {n: f"no {w}" for n in asked for w in self.wrong if w in as_line(n)}


NOTHING = ("dkim", "spf", "fcrdns")


def opened(of: Wanted) -> frozenset[str]:
    """The latch of a stream after the run that opened it."""
    now = standing(of, (), World())
    assert now.closed == ""
    return frozenset(latch(now.latch).decode().splitlines())


def test_all_of_it_is_open_when_all_of_it_is_seen() -> None:
    world = World()
    now = standing(wanted(BOTH, keys=(SHOP_KEY, TOYS_KEY)), (), world)
    assert (now.closed, now.waiting, now.unused, now.keys) == ("", {}, {}, {})
    assert {as_line(need) for need in world.asked} == set(now.latch)


def test_what_is_remembered_is_not_asked_again() -> None:
    world = World(*NOTHING)
    assert standing(wanted(), opened(wanted()), world).closed == ""
    assert world.asked == []


def test_a_new_domain_without_a_key_waits_alone_and_nobody_looks() -> None:
    world = World(*NOTHING)
    now = standing(wanted(BOTH), opened(wanted()), world)
    assert (now.closed, now.waiting) == ("", {TOYS: NO_KEY})
    assert world.asked == []


def test_a_new_domain_whose_key_is_unseen_waits_alone() -> None:
    known = opened(wanted())
    now = standing(wanted(BOTH, keys=(SHOP_KEY, TOYS_KEY)), known, World(*NOTHING))
    assert (now.closed, now.waiting) == ("", {TOYS: "no dkim"})
    assert set(now.latch) == known
    assert TOYS not in str(now.used)
    now = standing(wanted(BOTH, keys=(SHOP_KEY, TOYS_KEY)), known, World())
    assert now.waiting == {}
    assert set(now.latch) > known


def test_a_domain_that_is_taken_away_closes_nothing_and_is_forgotten() -> None:
    known = opened(wanted(BOTH, keys=(SHOP_KEY, TOYS_KEY)))
    world = World(*NOTHING)
    now = standing(wanted(), known, world)
    assert (now.closed, now.waiting, world.asked) == ("", {}, [])
    again = standing(wanted(BOTH, keys=(SHOP_KEY, TOYS_KEY)), now.latch, World(*NOTHING))
    assert again.waiting == {TOYS: "no dkim"}


def test_one_domain_in_the_place_of_another_closes_and_says_how_not_to() -> None:
    swapped = replace(TRANSACTIONAL, from_domains=(TOYS,))
    now = standing(wanted(swapped, keys=(TOYS_KEY,)), opened(wanted()), World(*NOTHING))
    assert now.closed == "no dkim"
    assert "keep a From: domain that works beside the new one" in now.instead
    # Before its key is made, too.
    assert standing(wanted(swapped, keys=()), opened(wanted()), World()).closed == NO_KEY


@pytest.mark.parametrize("wrong", ["spf", "fcrdns"])
def test_a_fresh_stream_needs_its_whole_way_out(wrong: str) -> None:
    now = standing(wanted(), (), World(wrong))
    assert now.closed == f"no {wrong}"
    assert now.latch == ()
    assert standing(wanted(), (), World('"2001:db8::12"')).closed != ""


def test_a_latch_of_an_earlier_version_counts_for_all_that_it_was_of() -> None:
    """One digest of everything: no stream closes by the upgrade."""
    of = wanted()
    old = remembered([digest(of.needs)], of.needs)
    world = World(*NOTHING)
    now = standing(of, old, world)
    assert (now.closed, world.asked) == ("", [])
    assert set(now.latch) == set(map(as_line, of.needs))
    other = wanted(BOTH, keys=(SHOP_KEY, TOYS_KEY))
    assert remembered([digest(of.needs)], other.needs) == {digest(of.needs)}
    keyless = wanted(BOTH)
    assert not remembered([digest(of.needs)], keyless.needs) & set(map(as_line, keyless.needs))


@pytest.mark.parametrize("written", ["lone", "{", "[]", '{"kind": "fcrdns"}', "3", '"x"', "null"])
def test_a_latch_of_somebody_else_opens_nothing(written: str) -> None:
    assert standing(wanted(), {written}, World("spf")).closed == "no spf"


def test_a_name_in_helo_stays_as_it_was_until_the_new_one_is_seen() -> None:
    known = opened(wanted())
    renamed = wanted(host=way(helo="post1.shop.example"))
    now = standing(renamed, known, World("post1"))
    assert (now.closed, now.way) == ("", MAIL1.way_out("transactional"))
    assert list(now.unused) == ["the HELO name post1.shop.example"]
    assert "out1.shop.example is said until then: no post1" in str(now.unused)
    assert "post1" not in str(now.used)
    # And stays so, however often one looks.
    again = standing(renamed, now.latch, World("post1"))
    assert again == now
    seen = standing(renamed, now.latch, World())
    assert (seen.way.helo, seen.unused) == ("post1.shop.example", {})
    assert "out1" not in str(seen.latch)


def test_a_name_of_which_a_part_is_seen_is_not_said_yet() -> None:
    now = standing(wanted(host=way(helo="post1.shop.example")), opened(wanted()), World("fcrdns"))
    assert (now.closed, now.way.helo) == ("", "out1.shop.example")


def test_a_name_that_one_address_has_already_does_not_take_the_other_from_use() -> None:
    renamed = wanted(host=way(helo="post1.shop.example"))
    known = opened(wanted())
    for _ in range(2):
        now = standing(renamed, known, World('"address": "2001:db8::12", "kind": "fcrdns"'))
        assert now.way == MAIL1.way_out("transactional")
        known = frozenset(now.latch)


def test_an_address_that_is_new_waits_alone() -> None:
    known = opened(wanted(host=way(ipv6=None)))
    now = standing(wanted(), known, World('"2001:db8::12"'))
    assert (now.closed, now.way.ipv6) == ("", None)
    assert now.way.ipv4 == MAIL1.way_out("transactional").ipv4
    assert list(now.unused) == ["the address 2001:db8::12"]


def test_a_name_and_an_address_less_at_once_close_nothing() -> None:
    renamed = wanted(host=way(helo="post1.shop.example", ipv6=None))
    now = standing(renamed, opened(wanted()), World("post1"))
    assert (now.closed, now.way.helo, now.way.ipv6) == ("", "out1.shop.example", None)


def test_a_name_and_an_address_more_at_once_wait_together() -> None:
    known = opened(wanted(host=way(ipv6=None)))
    now = standing(wanted(host=way(helo="post1.shop.example")), known, World("post1"))
    assert (now.closed, now.way.helo, now.way.ipv6) == ("", "out1.shop.example", None)
    assert list(now.unused) == ["the HELO name post1.shop.example", "the address 2001:db8::12"]


def test_an_address_in_the_place_of_another_closes_and_says_what_to_publish() -> None:
    """Also where the other family stays: mail for most receivers would wait in the queue."""
    moved = wanted(host=way(ipv4=IPv4Address("192.0.2.99")))
    now = standing(moved, opened(wanted()), World('"192.0.2.99"'))
    assert now.closed == 'no "192.0.2.99"'
    assert "99.2.0.192.in-addr.arpa. 3600 IN PTR out1.shop.example." in now.instead
    assert "publish first" in now.instead
    assert standing(moved, opened(wanted()), World()).closed == ""


def test_an_address_that_is_taken_away_closes_nothing() -> None:
    world = World(*NOTHING)
    now = standing(wanted(host=way(ipv6=None)), opened(wanted()), world)
    assert (now.closed, now.way.ipv6, world.asked) == ("", None, [])


def test_another_envelope_domain_closes_what_cannot_pass_spf() -> None:
    other = wanted(replace(TRANSACTIONAL, envelope_domain="returns.shop.example"))
    now = standing(other, opened(wanted()), World("returns"))
    assert now.closed == "no returns"
    assert "returns.shop.example. 3600 IN TXT" in now.instead


@pytest.mark.parametrize("selector", ["202612-mail1", "202611-blue", "202601-old"])
def test_a_key_signs_until_the_world_has_seen_the_one_that_is_to_follow(selector: str) -> None:
    """After a rotation, under another label, or supplied."""
    known, new = opened(wanted()), key("shop.example", 7, selector)
    changed = wanted(keys=(new,), beside=(SHOP_KEY,))
    now = standing(changed, known, World("dkim"))
    assert (now.closed, now.waiting, now.keys) == ("", {}, {"shop.example": SHOP_KEY})
    assert list(now.unused) == ["the new DKIM key of shop.example"]
    seen = standing(changed, now.latch, World())
    assert (seen.keys, seen.unused) == ({}, {})
    assert as_line(next(iter(changed.needs))) in seen.latch
    # Of one that was never seen, nothing is signed.
    assert standing(changed, (), World("dkim")).closed == "no dkim"


def test_a_key_signs_until_another_is_even_made() -> None:
    world = World(*NOTHING)
    now = standing(wanted(keys=(), beside=(SHOP_KEY,)), opened(wanted()), world)
    assert (now.closed, now.keys) == ("", {"shop.example": SHOP_KEY})


def test_of_a_paused_stream_what_is_remembered_stands() -> None:
    of = wanted(BOTH, keys=(SHOP_KEY, TOYS_KEY))
    assert unasked(of, opened(wanted())).waiting == {TOYS: UNVERIFIED}
    assert unasked(of, ()).closed == UNVERIFIED


def test_an_empty_reason_never_opens_anything() -> None:
    nothing_said: Standing = standing(wanted(), (), lambda asked: dict.fromkeys(asked, ""))
    assert nothing_said.closed == UNVERIFIED


def test_the_way_is_the_declared_one_where_it_stands() -> None:
    declared: WayOut = MAIL1.way_out("transactional")
    assert standing(wanted(), (), World()).way == declared
