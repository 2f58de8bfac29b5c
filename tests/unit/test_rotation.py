"""A DKIM key's life: whole years of it, with the world slow, runs cut off, and queues long."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from postroad.mail.signing.found import KeyLife, KeyState
from postroad.mail.signing.keys import signing_key, wanted_keys
from postroad.mail.signing.rotation import DAY, VERIFIED_LATER, Seen, Step, began, owner, steps
from postroad.settings.model import Estate, StreamName
from tests.unit import estates

ESTATE = estates.estate(estates.without_inbound())
TTL = ESTATE.record_ttl
START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
STREAM: StreamName = "marketing"
DOMAIN = "news.shop.example"


@dataclass
class World:
    """Two hosts, a DNS that is filled by hand, and a clock."""

    now: float = START
    keys: dict[str, tuple[KeyState, ...]] = field(default_factory=dict)
    published: set[str] = field(default_factory=set)
    oldest: dict[tuple[str, StreamName], float] = field(default_factory=dict)
    done: list[Step] = field(default_factory=list)

    @classmethod
    def fresh(cls, estate: Estate = ESTATE) -> World:
        """Keys as the first deploy leaves them, and published."""
        keys = {
            host.name: tuple(
                KeyState(key.stream, key.domain, f"202601-{key.label}", "MIIB")
                for key in wanted_keys(estate, host)
            )
            for host in estate.hosts
        }
        names = {owner(key) for found in keys.values() for key in found}
        return cls(keys=keys, published=names)

    def steps(self) -> tuple[Step, ...]:
        return steps(ESTATE, self.keys, self._seen())

    def _seen(self) -> Seen:
        every = {owner(key) for found in self.keys.values() for key in found}
        return Seen(
            self.now, frozenset(self.published), frozenset(every - self.published), self.oldest
        )

    def take(self, taken: Iterable[Step]) -> None:
        for step in taken:
            self.done.append(step)
            self._take(step)

    def run(self) -> tuple[Step, ...]:
        """One run that is not cut off."""
        taken = self.steps()
        self.take(taken)
        return taken

    def publish(self) -> None:
        """The operator publishes what there is, and withdraws what is not to be there."""
        self.published = {
            owner(k)
            for found in self.keys.values()
            for k in found
            if k.public_key or (k.life.revoked and not k.life.withdrawn)
        }

    def signing(self, host: str) -> KeyState:
        (key,) = [
            k
            for k in wanted_keys(ESTATE, ESTATE.host(host))
            if (k.stream, k.domain) == (STREAM, DOMAIN)
        ]
        found = signing_key(key, self.keys[host])
        assert found is not None
        return found

    def _take(self, step: Step) -> None:
        found = list(self.keys[step.host])
        of_place = (step.key.stream, step.key.domain)
        match step.verb:
            case "make":
                signing = signing_key(step.key, found)
                assert signing is not None
                marked = replace(signing, life=replace(signing.life, active=began(signing)))
                found[found.index(signing)] = marked
                found.append(KeyState(*of_place, step.selector, "MIIB"))
            case "forget":
                found = [k for k in found if not _is(k, step)]
            case _:
                public = "" if step.verb in ("revoke", "withdraw") else "MIIB"
                found = [
                    replace(k, life=self._life(k.life, step), public_key=public)
                    if _is(k, step)
                    else k
                    for k in found
                ]
        self.keys[step.host] = tuple(found)

    def _life(self, life: KeyLife, step: Step) -> KeyLife:
        match step.verb:
            case "see":
                return KeyLife(visible=self.now)
            case "lose":
                return KeyLife()
            case "activate":
                return replace(life, active=self.now)
            case "withdraw":
                return replace(life, withdrawn=self.now)
            case _:
                return replace(life, revoked=self.now)


def _is(key: KeyState, step: Step) -> bool:
    place = (step.key.stream, step.key.domain, step.selector)
    return (key.stream, key.domain, key.selector) == place


def verbs(taken: Iterable[Step]) -> set[str]:
    return {step.verb for step in taken}


def until(world: World, verb: str, days: int = 400) -> list[Step]:
    """Runs once a day until one takes such a step."""
    for _ in range(days):
        taken = [step for step in world.run() if step.verb == verb]
        if taken:
            return taken
        world.now += DAY
        world.publish()
    raise AssertionError(f"no step of the kind {verb} in {days} days")


def test_on_an_ordinary_day_nothing_is_done() -> None:
    world = World.fresh()
    world.now += 100 * DAY
    assert world.run() == ()


def test_a_whole_life() -> None:
    world = World.fresh()
    made = until(world, "make")
    assert world.now - START >= ESTATE.dkim.rotate_days * DAY
    assert {step.host for step in made} == {host.name for host in ESTATE.hosts}
    assert {step.selector[:6] for step in made} == {"202606"}
    assert world.signing("mail1").selector.startswith("202601-")
    until(world, "activate")
    assert world.signing("mail1").selector.startswith("20260")
    assert world.signing("mail1").life.active == world.now
    switched = world.now
    revoked = until(world, "revoke")
    assert all(step.selector.startswith("202601-") for step in revoked)
    keep = ESTATE.stream(STREAM).limits.queue_seconds + VERIFIED_LATER
    assert world.now >= switched + keep
    until(world, "forget")
    assert [k.selector for k in world.keys["mail1"] if k.stream == STREAM] == [
        world.signing("mail1").selector
    ]


def test_a_key_that_nobody_sees_never_signs() -> None:
    world = World.fresh()
    world.now += 200 * DAY
    world.run()
    for _ in range(100):
        world.now += DAY
        assert "activate" not in verbs(world.run())
    assert world.signing("mail1").selector.startswith("202601-")


def test_the_ttl_is_waited_out_and_starts_anew_where_the_world_loses_the_key() -> None:
    world = World.fresh()
    world.now += 200 * DAY
    world.run()
    world.publish()
    assert verbs(world.run()) == {"see"}
    world.now += TTL - 1
    assert world.run() == ()
    published, world.published = world.published, set()
    assert verbs(world.run()) == {"lose"}
    world.published = published
    assert verbs(world.run()) == {"see"}
    world.now += TTL
    assert verbs(world.run()) == {"activate"}


def test_hosts_of_one_stream_move_together() -> None:
    world = World.fresh()
    world.now += 200 * DAY
    world.run()
    world.publish()
    late = {n for n in world.published if "mail2" in n and not n.startswith("202601")}
    world.published -= late
    world.run()
    world.now += 2 * TTL
    assert "activate" not in verbs(world.run())
    world.published |= late
    world.run()
    world.now += TTL
    assert {s.host for s in world.run() if s.verb == "activate"} == {"mail1", "mail2"}


def test_a_key_is_kept_while_mail_that_it_signed_waits() -> None:
    world = World.fresh()
    until(world, "activate")
    switched = world.now
    world.oldest = {("mail1", STREAM): switched - 1}
    world.now += 60 * DAY
    held = [s for s in world.run() if s.key.stream == STREAM and s.verb == "revoke"]
    assert {step.host for step in held} == {"mail2"}
    world.oldest = {("mail1", STREAM): switched + 1}
    assert {s.host for s in world.run() if s.verb == "revoke"} == {"mail1"}


def test_a_key_is_not_forgotten_while_its_record_stands() -> None:
    world = World.fresh()
    gone = {step.selector for step in until(world, "withdraw")}
    # Nobody removes them.
    for _ in range(30):
        world.now += DAY
        assert "forget" not in verbs(world.run())
    world.publish()
    assert {step.selector for step in world.run() if step.verb == "forget"} == gone


def test_a_new_key_of_the_same_month_has_a_name_of_its_own() -> None:
    world = World.fresh()
    world.now = START + 3 * DAY
    old = replace(world.signing("mail1"), life=KeyLife(active=START - 400 * DAY))
    world.keys["mail1"] = tuple(
        old if (k.stream, k.domain) == (STREAM, DOMAIN) else k for k in world.keys["mail1"]
    )
    (made,) = [s for s in world.steps() if s.host == "mail1"]
    assert made.selector == f"202601a-{made.key.label}"


@pytest.mark.parametrize("days", [3, -40])
def test_the_name_of_a_key_that_is_gone_is_not_taken_again(days: int) -> None:
    """Names tell which key is newer; also where the clock was set back."""
    world = World.fresh()
    world.now = START + days * DAY
    old = world.signing("mail1")
    signing = replace(
        old,
        selector=old.selector.replace("202601", "202601a"),
        life=KeyLife(active=START - 400 * DAY),
    )
    world.keys["mail1"] = tuple(signing if k == old else k for k in world.keys["mail1"])
    (made,) = [s for s in world.steps() if s.host == "mail1"]
    assert made.selector == f"202601b-{made.key.label}"


def test_a_key_that_was_made_old_by_hand_signs_until_the_next_is_ready() -> None:
    world = World.fresh()
    world.now += DAY
    old = replace(world.signing("mail1"), life=KeyLife(active=0))
    world.keys["mail1"] = tuple(
        old if (k.stream, k.domain) == (STREAM, DOMAIN) else k for k in world.keys["mail1"]
    )
    assert verbs(world.run()) == {"make"}
    assert world.signing("mail1") == old
    world.publish()
    world.run()
    world.now += TTL
    assert verbs(world.run()) == {"activate"}
    assert world.signing("mail1") != old


@pytest.mark.parametrize("seed", range(20))
def test_runs_that_are_cut_off_at_any_step_end_where_others_do(seed: int) -> None:
    chance = random.Random(seed)
    world = World.fresh()
    for _ in range(900):
        taken = world.steps()
        for step in taken:
            if step.verb == "activate":
                (key,) = [k for k in world.keys[step.host] if _is(k, step)]
                assert owner(key) in world.published
                assert key.life.visible is not None
                assert world.now >= key.life.visible + TTL
        world.take(taken[: chance.randint(0, len(taken))])
        for host in ESTATE.hosts:
            assert owner(world.signing(host.name)) in world.published
        if chance.random() < 0.7:
            world.publish()
        world.now += chance.random() * DAY
    # Months in all three lives, and never more than one new key at a place.
    for host in ESTATE.hosts:
        alive = [k for k in world.keys[host.name] if k.stream == STREAM and k.public_key]
        assert len(alive) <= 2
    assert {"make", "activate", "revoke", "forget"} <= verbs(world.done)
