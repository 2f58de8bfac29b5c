"""Hostile zones and servers: a bounded number of questions, a verdict and a reason each."""

from __future__ import annotations

import pytest

from postroad.dns.check import dmarc, report
from postroad.dns.check.answers import Answer
from postroad.dns.check.checks import checks
from postroad.dns.check.verdict import Check, Verdict

from .estate import ESTATE, FACTS, faults, instead, no_web, published
from .world import NS1, NS2, RESOLVERS, Record, World, lying, refusing, silent, txt

BOUNCE = "bounce.shop.example"
NORMAL = World(published())
NORMAL.judge(*checks(ESTATE, FACTS, no_web))


def spf(*rdatas: str) -> list[Record]:
    return instead(BOUNCE, "TXT", *rdatas)


def storm(kind: str, number: int) -> str:
    return "v=spf1 " + " ".join(f"{kind}:x{n}.shop.example" for n in range(number)) + " ~all"


HOSTILE = {
    "include loop": [
        *spf(txt("v=spf1 include:a.shop.example ~all")),
        ("a.shop.example", "TXT", txt(f"v=spf1 include:{BOUNCE} ~all")),
    ],
    "redirect loop": [
        *spf(txt("v=spf1 redirect=a.shop.example")),
        ("a.shop.example", "TXT", txt(f"v=spf1 redirect={BOUNCE}")),
    ],
    "100 includes": [
        *spf(txt(storm("include", 100))),
        *((f"x{n}.shop.example", "TXT", txt("v=spf1 ?all")) for n in range(100)),
    ],
    "includes of includes": [
        *spf(txt(storm("include", 9))),
        *((f"x{n}.shop.example", "TXT", txt(storm("include", 9))) for n in range(9)),
    ],
    "NXDOMAIN storm": spf(txt(storm("exists", 100))),
    "MX storm": [
        *spf(txt(storm("mx", 10))),
        *(
            (f"x{n}.shop.example", "MX", f"1 y{n}-{m}.example.")
            for n in range(10)
            for m in range(9)
        ),
    ],
    "PTR storm": [
        *spf(txt("v=spf1 ptr ~all")),
        *(("12.2.0.192.in-addr.arpa", "PTR", f"p{n}.example.") for n in range(200)),
    ],
    "exp chain": spf(txt("v=spf1 exp=%{i}.%{d} -all")),
    "macro": spf(txt("v=spf1 exists:%{l}%{s}%{o}%{h}." + "%{d}." * 30 + "example ~all")),
    "64 kB": spf(txt("v=spf1 " + "a:x.shop.example " * 3500)),
    "4 kB of ip4": spf(txt("v=spf1 " + "ip4:203.0.113.9 " * 250)),
    "1000 records": spf(*(txt(f"t{n}") for n in range(1000))),
    "alias loop": [
        *spf(),
        (BOUNCE, "CNAME", "a.shop.example."),
        ("a.shop.example", "CNAME", f"{BOUNCE}."),
    ],
    "alias maze": [
        *spf(),
        (BOUNCE, "CNAME", "m0.shop.example."),
        *((f"m{n}.shop.example", "CNAME", f"m{n + 1}.shop.example.") for n in range(50)),
    ],
    "null bytes": spf('"v=spf1 \\000\\255\\010 ~all"'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_zone(name: str) -> None:
    world = World(HOSTILE[name])
    verdicts = world.judge(*checks(ESTATE, FACTS, no_web))
    about = [verdict for verdict in faults(verdicts) if verdict.about == BOUNCE]
    assert any(verdict.check.startswith("SPF of MAIL FROM") for verdict in about)
    assert all(verdict.reason and len(verdict.reason) < 600 for verdict in verdicts)
    assert all(verdict.reason.isprintable() for verdict in verdicts)
    # RFC 7208 §4.6.4 lets an evaluation ask for 10 x (1 + 10) names; here six evaluations share
    # them, and four sources and the way to each zone multiply them.
    assert world.questions < NORMAL.questions + 6 * 110 * 5
    others = [v for v in faults(verdicts) if v.about not in (BOUNCE, "out1.shop.example")]
    assert [v for v in others if v.check != "DMARC policy"] == []


@pytest.mark.parametrize("where", [str(RESOLVERS[0]), NS2])
@pytest.mark.parametrize("trouble", [silent, refusing])
def test_a_server_that_hangs_or_refuses_is_one_line(where: str, trouble: object) -> None:
    world = World(published())
    world.trouble[where] = trouble  # type: ignore[assignment]
    found = faults(world.judge(*checks(ESTATE, FACTS, no_web)))
    assert [verdict.verdict for verdict in found] == ["unknown"]
    assert where in found[0].reason


def test_a_liar_makes_unknown_what_it_lies_about() -> None:
    world = World(published())
    world.trouble[NS1] = lying((BOUNCE, "TXT", txt("v=spf1 +all")))
    found = faults(world.judge(*checks(ESTATE, FACTS, no_web)))
    assert {(verdict.about, verdict.verdict) for verdict in found} == {(BOUNCE, "unknown")}
    assert all("+all" in verdict.reason for verdict in found)


def test_all_servers_silent_is_all_unknown() -> None:
    world = World(published())
    world.trouble = {str(address): silent for address in RESOLVERS}
    verdicts = world.judge(*checks(ESTATE, FACTS, no_web))
    assert {verdict.verdict for verdict in verdicts} == {"unknown"}
    assert world.questions == len(RESOLVERS)
    assert report.text(verdicts).startswith(
        "resolvers\n  unknown (required): resolvers: none of 192.0.2.253, 192.0.2.254 can be asked"
    )


def test_a_network_that_says_no_to_everything_is_no_resolver() -> None:
    """As where somebody answers in place of the world's resolvers."""
    world = World(published())
    world.trouble = {str(address): lambda question: Answer("nxdomain") for address in RESOLVERS}
    verdicts = world.judge(*checks(ESTATE, FACTS, no_web))
    assert {verdict.verdict for verdict in verdicts} == {"unknown"}
    assert world.questions == len(RESOLVERS)
    assert "which no resolver of the world's does" in verdicts[0].reason


def test_one_resolver_that_is_silent_is_not_all() -> None:
    world = World(published())
    world.trouble = {str(RESOLVERS[0]): silent}
    verdicts = world.judge(*checks(ESTATE, FACTS, no_web))
    assert "resolvers" not in {verdict.check for verdict in verdicts}


def test_the_walk_asks_eight_names_of_a_long_one() -> None:
    domain = ".".join(f"l{n}" for n in range(30)) + ".example"
    names: list[str] = []
    world = World([])

    def ask(name: str, kind: str) -> object:
        names.append(name)
        return world.ask(name, kind)

    assert dmarc.walk(ask, domain) == []  # type: ignore[arg-type]
    assert len(names) == 8
    assert names[0] == f"_dmarc.{domain}"
    assert names[1].count(".") == 7
    assert names[-1] == "_dmarc.example"


def test_a_check_that_breaks_is_unknown_and_breaks_no_other() -> None:
    def broken(ask: object) -> list[object]:
        raise ZeroDivisionError("boom\x1b[31m")

    check = Check("x", "shop.example", "required", "fine", broken)  # type: ignore[arg-type]
    found = World([]).judge(check)
    assert found == [
        Verdict(
            "x",
            "shop.example",
            "unknown",
            "required",
            "the check failed: ZeroDivisionError('boom\\x1b[31m')",
        )
    ]
