"""DNS lists: believed only where they stand their own test, and read by their own codes."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from postroad.dns.check import list_data
from postroad.dns.check.list_data import DnsList, ListDataError
from postroad.dns.check.lists import entry, questions, verdicts
from postroad.dns.check.verdict import Verdict

from ..estates import MAIL1, host

ZEN, *OTHERS = list_data.read()
MINE = "12.2.0.192.zen.spamhaus.org"
HEALTHY: dict[str, Sequence[str] | None] = {
    **dict.fromkeys(questions([ZEN, *OTHERS], MAIL1), ()),
    **{f"2.0.0.127.{one.zone}": ("127.0.0.2",) for one in (ZEN, *OTHERS)},
    entry(ip_address("::ffff:7f00:2"), ZEN.zone): ("127.0.0.2",),
}


def found(answers: dict[str, Sequence[str] | None], *lists: DnsList) -> list[Verdict]:
    return list(verdicts(lists or (ZEN,), MAIL1, {**HEALTHY, **answers}))


def bad(answers: dict[str, Sequence[str] | None]) -> list[Verdict]:
    return [verdict for verdict in found(answers) if verdict.verdict != "ok"]


def test_the_packaged_data_is_whole_and_asks_no_dead_list() -> None:
    assert ZEN.zone == "zen.spamhaus.org"
    assert all(one.listed and one.remove.startswith("https://") for one in (ZEN, *OTHERS))
    text = list_data.PACKAGED.read_text()
    assert text.count("source:") == 1 + len(OTHERS)
    asked = " ".join(questions([ZEN, *OTHERS], MAIL1))
    assert not [zone for zone in ("sorbs.net", "abuseat.org", "dnsbl-2.uce") if zone in asked]


def test_names_of_both_families() -> None:
    assert entry(ip_address("192.0.2.12"), "zen.spamhaus.org") == MINE
    six = entry(ip_address("2001:db8::12"), "zen.spamhaus.org")
    assert six.startswith("2.1.0.0.")
    assert six.endswith(".8.b.d.0.1.0.0.2.zen.spamhaus.org")
    assert entry(ip_address("::ffff:7f00:2"), "z").startswith("2.0.0.0.0.0.f.7.f.f.f.f.0.")


def test_every_way_out_is_asked_about_in_its_families() -> None:
    checks = {verdict.check for verdict in found({}, ZEN, *OTHERS)}
    assert checks >= {
        "DNS list Spamhaus ZEN for 192.0.2.12",
        "DNS list Spamhaus ZEN for 192.0.2.13",
        "DNS list Spamhaus ZEN for 2001:db8::12",
        "DNS list SpamCop for 192.0.2.12",
    }
    assert "DNS list SpamCop for 2001:db8::12" not in checks
    assert "DNS list Spamhaus ZEN for 192.0.2.11" not in checks
    assert not questions([ZEN], host("quiet", ("192.0.2.1",)))


def test_not_listed_is_ok() -> None:
    assert {verdict.verdict for verdict in found({}, ZEN, *OTHERS)} == {"ok"}


def test_a_listing_says_what_it_means_and_where_to_go() -> None:
    (verdict,) = bad({MINE: ("127.0.0.10",)})
    assert (verdict.verdict, verdict.severity, verdict.about) == ("wrong", "required", "mail1")
    assert "192.0.2.12 is listed by Spamhaus ZEN: PBL" in verdict.reason
    assert "check.spamhaus.org" in verdict.mend


@pytest.mark.parametrize(
    "codes", [("127.255.255.254",), ("127.255.255.255",), ("127.0.0.1",), ("192.0.2.66",), None]
)
def test_a_refusal_or_a_strange_answer_is_unknown(codes: Sequence[str] | None) -> None:
    assert [v.verdict for v in bad({MINE: codes})] == ["unknown"]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"2.0.0.127.zen.spamhaus.org": ()}, "does not list its own test entry"),
        ({"2.0.0.127.zen.spamhaus.org": None}, "gets no answer"),
        ({"1.0.0.127.zen.spamhaus.org": ("127.0.0.2",)}, "lists what no list may list"),
        ({"2.0.0.127.zen.spamhaus.org": ("127.255.255.254",)}, "public or unattributable"),
        ({"2.0.0.127.zen.spamhaus.org": ("203.0.113.9",)}, "does not list its own test entry"),
    ],
)
def test_a_list_that_fails_its_own_test_is_unknown_and_no_address_is_judged(
    answers: dict[str, Sequence[str] | None], words: str
) -> None:
    (verdict,) = bad({**answers, MINE: ("127.0.0.2",)})
    assert verdict.verdict == "unknown"
    assert verdict.check == "DNS list Spamhaus ZEN, IPv4"
    assert words in verdict.reason


GOOD = (
    "lists:\n  - {name: A, zone: a.example, families: [4], severity: required,"
    " listed: {127.0.0.2: x}, refused: {}, remove: https://a.example/, source: s}\n"
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lists: [", "expected"),
        ("[]", "has no lists"),
        ("lists: [1]", "list 1: is no table"),
        ("lists: [{name: A}]", "list 1: lacks zone"),
        (GOOD.replace("remove:", "romeve:"), "lacks remove"),
        (GOOD.replace("source: s", "source: s, x: y"), "unknown x"),
        (GOOD.replace("[4]", "[5]"), "families is not"),
        (GOOD.replace("required", "grave"), "severity is none of"),
        (GOOD.replace("127.0.0.2: x", "2: x"), "listed is no table"),
        (GOOD.replace("name: A", "name: 7"), "name is no text"),
        (GOOD + "dead: [{zone: a.example, why: gone}]\n", "a.example is dead"),
        ("lists: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ],
)
def test_a_bad_file_is_named_with_its_list_and_key(text: str, words: str, tmp_path: Path) -> None:
    place = tmp_path / "lists.yaml"
    place.write_text(text)
    with pytest.raises(ListDataError) as caught:
        list_data.read(place)
    assert str(place) in str(caught.value)
    assert words in str(caught.value)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    place = tmp_path / "lists.yaml"
    place.write_text(GOOD)
    (one,) = list_data.read(place)
    assert (one.name, one.zone, one.listed) == ("A", "a.example", {"127.0.0.2": "x"})
