"""The checker that runs on hosts: three verdicts for each kind of need."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from io import StringIO
from threading import Barrier
from types import ModuleType
from typing import Any

import dns.exception
import dns.name
import dns.rdata
import dns.rdatatype
import dns.resolver
import pytest

from postroad.dns.needs import needs, needs_json
from postroad.dns.records import Record, derive
from postroad.onhost.common.resolver import own_resolver
from postroad.onhost.world_sees import main as program

from . import estates
from .estates import MAIL1, TRANSACTIONAL, estate, public_key

world_sees: ModuleType = program

Answers = dict[tuple[str, str], Any]

SELECTOR = "202611-mail1._domainkey.shop.example"
KEY = public_key(1)
DKIM = {"kind": "dkim", "name": SELECTOR, "key": KEY, "publish": ["the key's line"]}
MAIL_FROM = {
    "kind": "spf",
    "address": "192.0.2.12",
    "sender": "bounce@bounce.shop.example",
    "helo": "out1.shop.example",
    "publish": ["the policy's line"],
}
HELO = {**MAIL_FROM, "sender": ""}
FCRDNS = {
    "kind": "fcrdns",
    "address": "192.0.2.12",
    "name": "out1.shop.example",
    "publish": ["the pointer's line", "the address's line"],
}
POINTER = "12.2.0.192.in-addr.arpa"


class FakeResolver:
    """Answers from a table; an exception in it is raised; what is not in it does not exist."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers

    def ask(self, name: str, kind: str) -> Any:
        answer = self.answers.get((name.rstrip(".").lower(), kind), [])
        if isinstance(answer, Exception):
            raise answer
        return answer


def judge(need: dict[str, Any], answers: Answers) -> dict[str, Any]:
    judged: dict[str, Any] = world_sees.verdict(need, FakeResolver(answers))
    return judged


def txt(*texts: str) -> list[list[bytes]]:
    return [[text.encode()] for text in texts]


def silence() -> Exception:
    fault: Exception = world_sees.UnansweredError("no answer in time")
    return fault


def dkim(record: str) -> Answers:
    return {(SELECTOR, "TXT"): txt(record)}


@pytest.mark.parametrize(
    "record",
    [
        f"v=DKIM1; k=rsa; h=sha256; t=s; p={KEY}",
        f"p={KEY}",
        f"v=DKIM1;p={KEY};",
        f"v=DKIM1; s=email; h=sha1:sha256; n=a note; x=unknown; p={KEY[:200]} {KEY[200:]}",
    ],
)
def test_a_record_that_verifies_is_ok_however_it_is_written(record: str) -> None:
    assert judge(DKIM, dkim(record))["verdict"] == "ok"


def test_a_key_in_several_strings_is_one_key() -> None:
    whole = f"v=DKIM1; p={KEY}".encode()
    answers: Answers = {(SELECTOR, "TXT"): [[whole[:255], whole[255:]]]}
    assert judge(DKIM, answers)["verdict"] == "ok"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("v=DKIM1; p=", "revoked"),
        (f"v=DKIM1; p={public_key(2)}", "another key than the one this host signs with"),
        (f"v=DKIM1; p={KEY[:200]}", "cut off: it holds 200 of the key's 392 characters"),
        ("v=DKIM1; p=@@@@", "not base64"),
        (f"v=DKIM2; p={KEY}", "does not begin with v=DKIM1"),
        (f"k=rsa; v=DKIM1; p={KEY}", "does not begin with v=DKIM1"),
        ("v=DKIM1; k=rsa", "no p= tag"),
        (f"v=DKIM1; k=ed25519; p={KEY}", "another kind of key"),
        (f"v=DKIM1; h=sha1; p={KEY}", "does not allow sha256"),
        (f"v=DKIM1; s=tlsrpt; p={KEY}", "not for e-mail"),
        (f"v=DKIM1; t=y:s; p={KEY}", "test mode"),
        (f'"v=DKIM1; p={KEY}"', "quotation marks"),
        (f"v=DKIM1; p={KEY}; p={KEY}", "not a list of tag=value pairs"),
        ("v=spf1 -all", "does not begin with v=DKIM1"),
        ("hello world", "not a list of tag=value pairs"),
        ("", "no p= tag"),
        ("v=DKIM1; p=“x”", "not ASCII"),
    ],
)
def test_a_record_that_does_not_verify_is_wrong_and_says_why(record: str, reason: str) -> None:
    judged = judge(DKIM, dkim(record))
    assert judged["verdict"] == "wrong"
    assert reason in judged["reason"]
    assert SELECTOR in judged["reason"]
    assert judged["detail"] == f"{judged['reason']}. Publish: the key's line"


def test_no_key_or_two_records_are_wrong() -> None:
    assert judge(DKIM, {})["reason"] == f"there is no DKIM key at {SELECTOR}"
    two: Answers = {(SELECTOR, "TXT"): txt(f"p={KEY}", f"p={KEY}")}
    judged = judge(DKIM, two)
    assert judged["verdict"] == "wrong"
    assert "2 TXT records" in judged["reason"]


def test_a_key_that_nobody_answers_for_is_unknown_and_asks_for_no_change() -> None:
    judged = judge(DKIM, {(SELECTOR, "TXT"): silence()})
    assert judged["verdict"] == "unknown"
    assert judged["detail"] == judged["reason"] == "no answer in time"


BOUNCE = ("bounce.shop.example", "TXT")


@pytest.mark.parametrize(
    "answers",
    [
        {BOUNCE: txt("v=spf1 ip4:192.0.2.12 ~all")},
        {BOUNCE: txt("v=spf1 ip4:192.0.2.0/24 -all")},
        {BOUNCE: txt("some-site-verification=x", "v=spf1 a:out1.shop.example -all")}
        | {("out1.shop.example", "A"): ["192.0.2.12"]},
        {BOUNCE: txt("v=spf1 mx -all"), ("bounce.shop.example", "MX"): [(10, "m.example")]}
        | {("m.example", "A"): ["192.0.2.12"]},
        {BOUNCE: txt("v=spf1 include:spf.example ~all")}
        | {("spf.example", "TXT"): txt("v=spf1 ip4:192.0.2.12 -all")},
        {BOUNCE: [[b"v=spf1 ip4:192.", b"0.2.12 ~all"]]},
    ],
)
def test_spf_that_passes_is_ok_however_it_is_written(answers: Answers) -> None:
    assert judge(MAIL_FROM, answers)["verdict"] == "ok"


def loop() -> Answers:
    return {
        BOUNCE: txt("v=spf1 include:a.example -all"),
        ("a.example", "TXT"): txt("v=spf1 include:bounce.shop.example -all"),
    }


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({}, "bounce.shop.example has no SPF record, which has to name 192.0.2.12"),
        ({BOUNCE: txt("v=spf1 ip4:192.0.2.13 ~all")}, "does not name 192.0.2.12"),
        ({BOUNCE: txt("v=spf1 ip4:192.0.2.13 ?all")}, "does not name 192.0.2.12"),
        ({BOUNCE: txt("v=spf1 -all")}, "refuses 192.0.2.12"),
        (
            {BOUNCE: txt("v=spf1 ip4:192.0.2.12 ~all", "v=spf1 -all")},
            "an SPF record with an error: Two or more",
        ),
        ({BOUNCE: txt("v=spf1 ipv4:192.0.2.12 -all")}, "an SPF record with an error"),
        ({BOUNCE: txt("v=spf1 include:gone.example -all")}, "an SPF record with an error"),
        (
            {BOUNCE: txt("v=spf1 a:a.example a:b.example a:c.example ip4:192.0.2.12 -all")},
            "more than 2 empty answers",
        ),
        (loop(), "an SPF record with an error"),
        ({BOUNCE: txt(" v=spf1 ip4:192.0.2.12 -all")}, "has no SPF record"),
    ],
)
def test_spf_that_does_not_pass_is_wrong_and_says_why(answers: Answers, reason: str) -> None:
    judged = judge(MAIL_FROM, answers)
    assert judged["verdict"] == "wrong"
    assert reason in judged["reason"]
    assert judged["detail"].endswith("Publish: the policy's line")


@pytest.mark.parametrize(
    "answers",
    [
        {BOUNCE: silence()},
        {BOUNCE: txt("v=spf1 include:slow.example -all"), ("slow.example", "TXT"): silence()},
        {BOUNCE: txt("v=spf1 a:slow.example -all"), ("slow.example", "A"): silence()},
    ],
)
def test_spf_that_nobody_answers_for_is_unknown(answers: Answers) -> None:
    judged = judge(MAIL_FROM, answers)
    assert judged["verdict"] == "unknown"
    assert judged["reason"] == "SPF of the MAIL FROM domain bounce.shop.example: no answer in time"


def test_the_helo_name_is_an_identity_of_its_own() -> None:
    policy = txt("v=spf1 ip4:192.0.2.12 -all")
    assert judge(HELO, {("out1.shop.example", "TXT"): policy})["verdict"] == "ok"
    judged = judge(HELO, {BOUNCE: policy})
    assert judged["verdict"] == "wrong"
    assert "HELO name out1.shop.example has no SPF record" in judged["reason"]
    assert judge(HELO, {("out1.shop.example", "TXT"): silence()})["verdict"] == "unknown"


def test_spf_of_an_ipv6_address_needs_ip6() -> None:
    over_v6 = {**MAIL_FROM, "address": "2001:db8::12"}
    assert judge(over_v6, {BOUNCE: txt("v=spf1 ip6:2001:db8::12 ~all")})["verdict"] == "ok"
    assert judge(over_v6, {BOUNCE: txt("v=spf1 ip4:192.0.2.12 ~all")})["verdict"] == "wrong"


def both_ways(pointer: Any, forward: Any) -> Answers:
    return {(POINTER, "PTR"): pointer, ("out1.shop.example", "A"): forward}


@pytest.mark.parametrize(
    ("pointer", "forward", "verdict", "reason"),
    [
        (["out1.shop.example"], ["192.0.2.12"], "ok", "both ways"),
        (["Out1.Shop.Example"], ["192.0.2.12"], "ok", "both ways"),
        (["x.example", "out1.shop.example"], ["192.0.2.9", "192.0.2.12"], "ok", "both ways"),
        ([], ["192.0.2.12"], "wrong", "192.0.2.12 has no PTR record"),
        (["h12.hoster.example"], ["192.0.2.12"], "wrong", "is h12.hoster.example, not out1"),
        (["out1.shop.example"], [], "wrong", "no A record that leads back to 192.0.2.12"),
        (["out1.shop.example"], ["192.0.2.13"], "wrong", "no A record that leads back"),
        (silence(), ["192.0.2.12"], "unknown", "no answer in time"),
        (["out1.shop.example"], silence(), "unknown", "no answer in time"),
    ],
)
def test_an_address_is_its_name_both_ways(
    pointer: Any, forward: Any, verdict: str, reason: str
) -> None:
    judged = judge(FCRDNS, both_ways(pointer, forward))
    assert judged["verdict"] == verdict
    assert reason in judged["reason"]
    assert ("Publish: the pointer's line | the address's line" in judged["detail"]) == (
        verdict == "wrong"
    )


def test_an_ipv6_address_may_be_written_in_any_way() -> None:
    need = {**FCRDNS, "address": "2001:db8::12"}
    pointer = "2.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    answers: Answers = {
        (pointer, "PTR"): ["out1.shop.example"],
        ("out1.shop.example", "AAAA"): ["2001:DB8:0:0::12"],
    }
    assert judge(need, answers)["verdict"] == "ok"


def test_what_a_hostile_zone_says_is_cut_and_made_harmless() -> None:
    names = [f"{n}\x1b[31m\n{'x' * 60}.example" for n in range(500)]
    judged = judge(FCRDNS, both_ways(names, []))
    assert judged["verdict"] == "wrong"
    assert len(judged["reason"]) < 200
    assert judged["reason"].isprintable()


def test_a_check_that_breaks_is_unknown_and_hides_no_other() -> None:
    broken, fine = world_sees.verdicts(
        [FCRDNS, HELO],
        FakeResolver(
            {
                (POINTER, "PTR"): RuntimeError("a library broke"),
                ("out1.shop.example", "TXT"): txt("v=spf1 ip4:192.0.2.12 -all"),
            }
        ),
    )
    assert broken["verdict"] == "unknown"
    assert "a library broke" in broken["reason"]
    assert fine["verdict"] == "ok"


def test_verdicts_keep_the_order_of_the_needs_and_name_them() -> None:
    wanted = [FCRDNS, HELO, DKIM, MAIL_FROM]
    judged = world_sees.verdicts(wanted, FakeResolver({}))
    assert [one["need"] for one in judged] == [
        {name: fact for name, fact in need.items() if name != "publish"} for need in wanted
    ]


def test_questions_go_side_by_side() -> None:
    # Each question waits for all the others: one after the other would break the barrier.
    together = Barrier(8)

    class Meeting:
        def ask(self, name: str, kind: str) -> list[Any]:
            together.wait(timeout=10)
            return []

    judged = world_sees.verdicts([DKIM] * 8, Meeting())
    assert [one["verdict"] for one in judged] == ["wrong"] * 8


def world(records: Iterable[Record]) -> Answers:
    """What a resolver says where exactly ``records`` are published."""
    answers: Answers = {}
    for record in records:
        rdata = dns.rdata.from_text("IN", record.type, record.data)
        answers.setdefault((record.owner, record.type), []).append(
            world_sees._value(rdata, record.type)
        )
    return answers


def asked_for() -> tuple[list[dict[str, Any]], tuple[Record, ...]]:
    keys = estates.keys_of_mail1()
    wanted = needs(estate(MAIL1), MAIL1, TRANSACTIONAL, keys)
    parsed: list[dict[str, Any]] = world_sees.read_needs(needs_json(wanted))
    return parsed, derive(estate(MAIL1), keys)


def test_the_derived_records_open_the_stream() -> None:
    parsed, records = asked_for()
    judged = world_sees.verdicts(parsed, FakeResolver(world(records)))
    assert len(judged) == 7
    assert {one["verdict"] for one in judged} == {"ok"}


def test_each_record_that_a_need_names_keeps_the_stream_closed_when_missing() -> None:
    parsed, records = asked_for()
    named = {line for need in parsed for line in need["publish"]}
    missed = 0
    for record in records:
        left = world(r for r in records if r is not record)
        judged = world_sees.verdicts(parsed, FakeResolver(left))
        wrong = [one["detail"] for one in judged if one["verdict"] == "wrong"]
        line = f"{record.owner}. {record.ttl} IN {record.type} {record.data}"
        assert bool(wrong) == (line in named)
        assert all(line in detail for detail in wrong)
        missed += bool(wrong)
    # The key, two policies, two pointers, two addresses.
    assert missed == 7


class Stub:
    """A dnspython resolver that remembers the questions and answers with one thing."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.questions: list[tuple[str, str, float]] = []

    def resolve(
        self, name: dns.name.Name, kind: str, *, lifetime: float, search: bool
    ) -> list[dns.rdata.Rdata]:
        self.questions.append((name.to_text(), kind, lifetime))
        if isinstance(self.answer, Exception):
            raise self.answer
        return [dns.rdata.from_text("IN", kind, text) for text in self.answer]


def ask(answer: Any, name: str, kind: str, now: float = 0.0) -> Any:
    return world_sees.Resolver(Stub(answer), 15.0, lambda: now).ask(name, kind)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("TXT", '"a" "b c"', [b"a", b"b c"]),
        ("A", "192.0.2.1", "192.0.2.1"),
        ("AAAA", "2001:db8::1", "2001:db8::1"),
        ("PTR", "a.example.", "a.example"),
        ("MX", "10 a.example.", (10, "a.example")),
    ],
)
def test_answers_are_plain_values(kind: str, text: str, value: object) -> None:
    assert ask([text], "x.example", kind) == [value]


@pytest.mark.parametrize("nothing", [dns.resolver.NXDOMAIN, dns.resolver.NoAnswer])
def test_no_such_name_and_no_such_record_are_answers(nothing: type[Exception]) -> None:
    assert ask(nothing(), "x.example", "A") == []


@pytest.mark.parametrize("name", ["a..example", f"{'x' * 64}.example", ".".join(["x" * 60] * 5)])
def test_a_name_that_no_zone_can_hold_is_not_asked_for(name: str) -> None:
    stub = Stub([])
    assert world_sees.Resolver(stub, 15.0, lambda: 0.0).ask(name, "A") == []
    assert stub.questions == []


@pytest.mark.parametrize(
    "trouble",
    [
        dns.exception.Timeout,
        dns.resolver.NoNameservers,
        dns.resolver.YXDOMAIN,
        dns.exception.FormError,
    ],
)
def test_trouble_is_no_answer(trouble: type[Exception]) -> None:
    with pytest.raises(world_sees.UnansweredError, match=r"x\.example A"):
        ask(trouble(), "x.example", "A")


def test_no_question_outlasts_the_deadline() -> None:
    stub = Stub([])
    now = random.Random(1).uniform(11.0, 14.0)
    world_sees.Resolver(stub, 15.0, lambda: now).ask("x.example", "A")
    assert stub.questions == [("x.example.", "A", 15.0 - now)]
    with pytest.raises(world_sees.UnansweredError, match="time for all questions was over"):
        ask([], "x.example", "A", now=15.0)


def test_only_the_hosts_own_resolver_is_asked() -> None:
    assert own_resolver().nameservers == ["127.0.0.1"]
    assert world_sees.TOTAL_SECONDS == 15


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "Expecting value"),
        ("{}", "expected a list of needs, got dict"),
        ("[1]", "need 0: its kind is none of dkim, spf, fcrdns"),
        ('[{"kind": ["dkim"]}]', "need 0: its kind is none of"),
        ('[{"kind": "mta-sts"}]', "need 0: its kind is none of"),
        ('[{"kind": "dkim", "name": "x"}]', "need 0 (dkim) lacks key"),
        ('[{"kind": "spf", "address": 1, "helo": "x"}]', "need 0 (spf) lacks address, sender"),
    ],
)
def test_bad_input_is_refused_by_place_and_fact(text: str, fault: str) -> None:
    out, err = StringIO(), StringIO()
    assert world_sees.answer(StringIO(text), out, err) == 2
    assert fault in err.getvalue()
    assert out.getvalue() == ""


def test_no_needs_are_no_verdicts() -> None:
    out, err = StringIO(), StringIO()
    assert world_sees.answer(StringIO("[]"), out, err) == 0
    assert json.loads(out.getvalue()) == []
    assert err.getvalue() == ""
