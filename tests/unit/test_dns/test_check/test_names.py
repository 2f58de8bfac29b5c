"""What counts as said by the world: all sources, asked once each, and nothing less."""

from __future__ import annotations

import pytest

from postroad.dns.check.answers import Answer, Question, Server, read
from postroad.dns.check.asking import Asker
from postroad.dns.check.crew import Crew
from postroad.dns.check.names import Names
from postroad.dns.check.said import Said, TooLargeError, UnansweredError, addresses, strings

from .world import NS1, NS2, RESOLVERS, World, lying, only, refusing, silent, txt

NAME = "mail.shop.example"
PLACE = (NAME, "A", "192.0.2.1")


def places(said: Said) -> set[str]:
    return {str(address) for address in addresses(said)}


def test_every_resolver_and_every_name_server_is_asked_once() -> None:
    world = World([PLACE])
    names = world.names(Crew(8))
    assert places(names.ask(NAME, "A")) == {"192.0.2.1"}
    assert places(names.ask(NAME.upper(), "A")) == {"192.0.2.1"}
    asked = {str(q.server.address) for q in world.asked if (q.name, q.kind) == (NAME, "A")}
    assert asked == {str(address) for address in RESOLVERS} | {NS1, NS2}
    assert set(world.asked.values()) == {1}


@pytest.mark.parametrize("name", ["nothing.shop.example", "shop.example"])
def test_no_name_and_no_record_are_both_nothing(name: str) -> None:
    assert not World([PLACE]).ask(name, "TXT").rdatas


def test_a_name_that_no_zone_can_hold_is_nothing_and_asks_nobody() -> None:
    world = World([])
    assert not world.ask("a..example", "A").rdatas
    assert not world.ask("x" * 64 + ".example", "A").rdatas
    assert world.questions == 0


@pytest.mark.parametrize("where", [str(RESOLVERS[0]), NS2])
@pytest.mark.parametrize("trouble", [silent, refusing])
def test_one_source_without_an_answer_makes_it_unknown(where: str, trouble: object) -> None:
    world = World([PLACE])
    world.trouble[where] = only(NAME, "A", trouble)  # type: ignore[arg-type]
    with pytest.raises(UnansweredError, match=where):
        world.ask(NAME, "A")


@pytest.mark.parametrize("where", [str(RESOLVERS[1]), NS1])
def test_one_source_that_says_otherwise_makes_it_unknown(where: str) -> None:
    world = World([PLACE])
    world.trouble[where] = lying((NAME, "A", "198.51.100.66"))
    with pytest.raises(UnansweredError, match=r"192\.0\.2\.1.*198\.51\.100\.66|66.*192\.0\.2\.1"):
        world.ask(NAME, "A")


@pytest.mark.parametrize("where", [str(RESOLVERS[0]), NS2])
def test_a_source_that_never_answers_has_no_say_and_is_told_once(where: str) -> None:
    world = World([PLACE])
    world.trouble[where] = silent
    names = world.names(Crew(8))
    assert places(names.ask(NAME, "A")) == {"192.0.2.1"}
    names.ask(NAME, "AAAA")
    assert [str(one.server.address) for one in names.silent()] == [where]
    assert sum(n for q, n in world.asked.items() if str(q.server.address) == where) == 1


def test_without_a_resolver_or_a_name_server_nothing_is_known() -> None:
    deaf, headless = World([PLACE]), World([PLACE])
    deaf.trouble = {str(address): silent for address in RESOLVERS}
    with pytest.raises(UnansweredError, match="no resolver answers"):
        deaf.ask(NAME, "A")
    headless.trouble = {NS1: silent, NS2: refusing}
    with pytest.raises(UnansweredError, match=r"none of the name servers of shop\.example"):
        headless.ask(NAME, "A")


def test_aliases_are_followed_through_zones() -> None:
    alias = ("www.shop.example", "CNAME", "host.example.")
    said = World([alias, ("host.example", "A", "192.0.2.9")]).ask("www.shop.example", "A")
    assert places(said) == {"192.0.2.9"}
    assert said.aliased


@pytest.mark.parametrize("length", [1, 2, 30])
def test_a_maze_of_aliases_is_left(length: int) -> None:
    ring = [
        (f"a{n}.shop.example", "CNAME", f"a{(n + 1) % length}.shop.example.") for n in range(length)
    ]
    world = World(ring)
    with pytest.raises(UnansweredError):
        world.ask("a0.shop.example", "A")
    assert world.questions < 60


def test_a_maze_through_zones_is_left() -> None:
    ring = [
        ("a.shop.example", "CNAME", "b.example."),
        ("b.example", "CNAME", "a.shop.example."),
    ]
    world = World(ring)
    with pytest.raises(UnansweredError):
        world.ask("a.shop.example", "A")
    assert world.questions < 60


def test_64_kb_are_nobodys_answer() -> None:
    world = World([(NAME, "TXT", txt("x" * 60_000))])
    with pytest.raises(TooLargeError):
        world.ask(NAME, "TXT")


def test_records_of_other_names_are_not_believed() -> None:
    world = World([PLACE])
    other = World([("evil.example", "A", "198.51.100.66")])
    poison = other.message(Question("evil.example", "A", Server(RESOLVERS[0])))

    def poisoned(question: Question) -> Answer | None:
        return read(question, poison) if question.name == NAME else None

    world.trouble = {str(a): poisoned for a in (*RESOLVERS, NS1, NS2)}
    assert not world.ask(NAME, "A").rdatas


def test_strings_of_one_record_are_one_text() -> None:
    world = World([(NAME, "TXT", '"v=spf1" " -all"'), (NAME, "TXT", '"other"')])
    assert strings(world.ask(NAME, "TXT")) == [b"other", b"v=spf1 -all"]


def test_a_server_that_falls_silent_is_asked_three_times_more() -> None:
    world = World([PLACE])
    world.trouble[NS1] = lambda q: None if q.kind in ("SOA", "NS") else silent(q)
    names = world.names(Crew(1))
    for number in range(20):
        with pytest.raises(UnansweredError):
            names.ask(f"n{number}.shop.example", "A")
    late = sum(n for q, n in world.asked.items() if str(q.server.address) == NS1 and q.kind == "A")
    assert late == 3


def test_after_the_deadline_nobody_is_asked() -> None:
    world = World([PLACE])
    names = Names(Asker(world.exchange, Crew(1), 10.0, lambda: 10.0), RESOLVERS)
    with pytest.raises(UnansweredError):
        names.ask(NAME, "A")
    assert world.questions == 0
