"""What a zone lacks, and the one update that mends it: only ours, and only if nothing moved."""

from __future__ import annotations

from collections.abc import Iterable

import dns.message
import dns.name
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import pytest
from dns.rdataclass import IN
from dns.update import UpdateMessage

from postroad.dns.changes import Line, ZonePlan, brought, doubtful, plan, questions, update
from postroad.dns.plan_text import plan_text
from postroad.dns.record import Record
from postroad.dns.rrset import Key, RRset, answered
from postroad.dns.text import txt

ZONE = "shop.example"
SHARED = frozenset({dns.name.from_text("shop.example"), dns.name.from_text("news.shop.example")})
SPF = '"v=spf1 ip4:192.0.2.1 ~all"'
GOOGLE = '"google-site-verification=abc"'
# Section, name, class, type, TTL, rdata: how RFC 2136 §2.4 and §2.5 tell messages apart.
Row = tuple[str, str, str, str, int, str]


def record(owner: str, kind: str, data: str, ttl: int = 60) -> Record:
    return Record(owner, ttl, kind, data, f"why {owner}")  # type: ignore[arg-type]


def held(*rows: tuple[str, str, int, Iterable[str]]) -> dict[Key, RRset]:
    """What a primary says that it has."""
    found = {}
    for owner, kind, ttl, texts in rows:
        rdataset = dns.rdataset.from_text_list(IN, kind, ttl, list(texts))
        rrset = answered(dns.name.from_text(owner), rdataset)
        found[rrset.key] = rrset
    return found


def planned(
    records: Iterable[Record], seen: dict[Key, RRset], gone: Iterable[Record] = ()
) -> ZonePlan:
    return plan(ZONE, records, gone, seen, SHARED)


def line_of(records: Iterable[Record], seen: dict[Key, RRset]) -> Line:
    (line,) = planned(records, seen).lines
    return line


def rows(message: UpdateMessage) -> list[Row]:
    """The message as it arrives: from its own wire form."""
    parsed = dns.message.from_wire(message.to_wire())
    assert isinstance(parsed, UpdateMessage)
    return [
        (
            section,
            rrset.name.to_text(),
            dns.rdataclass.to_text(rrset.deleting or rrset.rdclass),
            rrset.rdtype.name,
            rrset.ttl,
            text,
        )
        for section, rrsets in (("need", parsed.prerequisite), ("do", parsed.update))
        for rrset in rrsets
        for text in ([rdata.to_text() for rdata in rrset] or [""])
    ]


def test_what_is_missing_is_added_where_nothing_is() -> None:
    found = planned([record("a.shop.example", "A", "192.0.2.1")], {})
    assert [line.verdict for line in found.lines] == ["add"]
    assert rows(update(found)) == [
        ("need", "a.shop.example.", "NONE", "A", 0, ""),
        ("need", "a.shop.example.", "NONE", "CNAME", 0, ""),
        ("do", "a.shop.example.", "IN", "A", 60, "192.0.2.1"),
    ]


def test_a_cname_is_added_where_the_name_is_free() -> None:
    found = planned([record("mta-sts.shop.example", "CNAME", "www.shop.example.")], {})
    assert rows(update(found))[0] == ("need", "mta-sts.shop.example.", "NONE", "ANY", 0, "")


def test_nothing_to_do_makes_an_empty_update() -> None:
    records = [
        record("a.shop.example", "A", "192.0.2.1"),
        record("a.shop.example", "A", "192.0.2.2"),
        record("b.shop.example", "MX", "10 A.shop.example."),
    ]
    seen = held(
        ("A.Shop.Example", "A", 60, ["192.0.2.2", "192.0.2.1"]),
        ("b.shop.example", "MX", 60, ["10 a.SHOP.example."]),
    )
    found = planned(records, seen)
    assert found.is_settled
    assert rows(update(found)) == []
    assert doubtful(found) == ()


def test_what_differs_is_replaced_whole_if_it_is_still_as_it_was() -> None:
    records = [record("a.shop.example", "A", "192.0.2.1")]
    found = planned(records, held(("a.shop.example", "A", 60, ["192.0.2.1", "192.0.2.9"])))
    assert [line.verdict for line in found.lines] == ["change"]
    assert rows(update(found)) == [
        ("need", "a.shop.example.", "IN", "A", 0, "192.0.2.1"),
        ("need", "a.shop.example.", "IN", "A", 0, "192.0.2.9"),
        ("do", "a.shop.example.", "ANY", "A", 0, ""),
        ("do", "a.shop.example.", "IN", "A", 60, "192.0.2.1"),
    ]


def test_another_ttl_is_a_change() -> None:
    records = [record("a.shop.example", "A", "192.0.2.1", 300)]
    found = planned(records, held(("a.shop.example", "A", 60, ["192.0.2.1"])))
    assert rows(update(found))[-1] == ("do", "a.shop.example.", "IN", "A", 300, "192.0.2.1")


def test_foreign_texts_stay_and_the_old_policy_goes() -> None:
    old = '"v=spf1 ip4:192.0.2.1 -all"'
    seen = held(("shop.example", "TXT", 900, [GOOGLE, old]))
    found = planned([record("shop.example", "TXT", SPF)], seen)
    assert rows(update(found)) == [
        ("need", "shop.example.", "IN", "TXT", 0, old),
        ("need", "shop.example.", "IN", "TXT", 0, GOOGLE),
        ("do", "shop.example.", "NONE", "TXT", 0, old),
        # The TTL of the RRset is not ours alone.
        ("do", "shop.example.", "IN", "TXT", 900, SPF),
    ]


def test_where_others_live_by_a_wildcard_nothing_comes_to_exist() -> None:
    """RFC 4592 §2.2.2: an empty non-terminal is served by no wildcard, nor is what is beneath."""
    toys = dns.name.from_text("toys.shop.example")
    records = [
        record("_dmarc.toys.shop.example", "TXT", '"v=DMARC1; p=none; sp=none; np=none"'),
        record("x._domainkey.toys.shop.example", "TXT", '"v=DKIM1; p=AAAA"'),
        record("mail1.shop.example", "A", "192.0.2.1"),
        record("m.eu.shop.example", "A", "192.0.2.1"),
        record("_dmarc.shop.example", "TXT", '"v=DMARC1; p=none; sp=none; np=none"'),
        record("1.2.0.192.in-addr.arpa", "PTR", "m.eu.shop.example."),
    ]
    first = planned(records, {})
    asked = [name.to_text(omit_final_dot=True) for name in brought(first)]
    assert asked == [
        "toys.shop.example",
        "mail1.shop.example",
        "m.eu.shop.example",
        "eu.shop.example",
    ]
    made = {
        n: (held((n.to_text(), "MX", 60, ["10 office.example."])).popitem()[1],)
        for n in (
            toys,
            dns.name.from_text("mail1.shop.example"),
            dns.name.from_text("eu.shop.example"),
        )
    }
    found = plan(ZONE, records, (), {}, SHARED, made)
    verdicts = {line.wanted.name.to_text(omit_final_dot=True): line.verdict for line in found.lines}
    assert verdicts == {
        "_dmarc.toys.shop.example": "in the way",
        "x._domainkey.toys.shop.example": "in the way",
        # The estate's own: said, and done.
        "mail1.shop.example": "add",
        "m.eu.shop.example": "in the way",
        "_dmarc.shop.example": "add",
        "1.2.0.192.in-addr.arpa": "add",
    }
    said = plan_text(found)
    assert "write these at toys.shop.example, and at *.toys.shop.example where names" in said
    assert "  toys.shop.example. 60 IN MX 10 office.example.\n" in said
    assert "a wildcard answers for mail1.shop.example now, and will not any more" in said
    assert {r.name.to_text() for r in update(found).update} == {
        "mail1.shop.example.",
        "_dmarc.shop.example.",
        "1.2.0.192.in-addr.arpa.",
    }


@pytest.mark.parametrize(
    ("kind", "data", "verdict"),
    [
        ("TXT", '"v=spf1 -all"', "add"),
        ("MX", "0 .", "add"),
        ("TXT", '"v=spf1 mx -all"', "in the way"),
    ],
)
def test_nobody_lives_by_a_wildcard_that_says_nothing(kind: str, data: str, verdict: str) -> None:
    toys = dns.name.from_text("toys.shop.example")
    records = [record("_dmarc.toys.shop.example", "TXT", '"v=DMARC1; p=none"')]
    made = {toys: (held((toys.to_text(), kind, 60, [data])).popitem()[1],)}
    (line,) = plan(ZONE, records, (), {}, SHARED, made).lines
    assert line.verdict == verdict


def test_beside_foreign_texts_the_ttl_is_no_change() -> None:
    seen = held(("shop.example", "TXT", 900, [GOOGLE, SPF]))
    assert line_of([record("shop.example", "TXT", SPF)], seen).verdict == "unchanged"


def test_a_second_policy_goes() -> None:
    seen = held(("shop.example", "TXT", 60, [SPF, '"V=SPF1 -all"', GOOGLE]))
    found = planned([record("shop.example", "TXT", SPF)], seen)
    changes = [row for row in rows(update(found)) if row[0] == "do"]
    assert changes == [("do", "shop.example.", "NONE", "TXT", 0, '"V=SPF1 -all"')]


OURS = "v=DKIM1; k=rsa; h=sha256; t=s; p="
POLICY = "v=DMARC1; p={0}; sp={0}; np={0}; rua=mailto:{1}"
ID = "v=STSv1; id={};"


@pytest.mark.parametrize(
    ("owner", "wanted", "old"),
    [
        ("bounce.shop.example", "v=spf1 ip4:192.0.2.1 ~all", "v=spf1 ip4:192.0.2.1 -all"),
        ("bounce.shop.example", "v=spf1 ip4:192.0.2.1 ~all", "V=SPF1 -all"),
        ("_dmarc.shop.example", POLICY.format("reject", "a@b"), POLICY.format("none", "x@y")),
        ("_mta-sts.shop.example", ID.format("a" * 32), ID.format("0" * 32)),
        ("s._domainkey.shop.example", f"{OURS}AAAA", f"{OURS}BBBB"),
        ("s._domainkey.shop.example", f"{OURS}AAAA", "v=DKIM1; p="),
        # RFC 6376 §3.6.1: a key need not say its version. This one was taken over.
        ("s._domainkey.shop.example", f"{OURS}AAAA", "k=rsa; p=AAAA"),
    ],
)
def test_every_kind_of_ours_is_replaced(owner: str, wanted: str, old: str) -> None:
    seen = held((owner, "TXT", 60, [txt(old), GOOGLE]))
    line = line_of([record(owner, "TXT", txt(wanted))], seen)
    assert line.verdict == "change"
    assert [rdata.to_text() for rdata in line.kept] == [GOOGLE]


@pytest.mark.parametrize(
    ("owner", "wanted", "theirs"),
    [
        ("_dmarc.shop.example", POLICY.format("none", "a@b"), "v=DMARC1; p=reject; rua=mailto:x@y"),
        ("_dmarc.shop.example", POLICY.format("none", "a@b"), "v=dmarc1;p=none"),
        ("_mta-sts.shop.example", ID.format("a" * 32), "v=STSv1; id=20260101T000000;"),
        ("_smtp._tls.b.shop.example", "v=TLSRPTv1; rua=mailto:a@b", "v=TLSRPTv1; rua=mailto:x@y"),
        ("s._domainkey.shop.example", f"{OURS}AAAA", "v=DKIM1; k=rsa; p=BBBB"),
        ("s._domainkey.shop.example", f"{OURS}AAAA", "p=BBBB"),
    ],
)
def test_what_somebody_else_has_written_stays(owner: str, wanted: str, theirs: str) -> None:
    seen = held((owner, "TXT", 60, [txt(theirs), GOOGLE]))
    line = line_of([record(owner, "TXT", txt(wanted))], seen)
    assert line.verdict == "in the way"
    assert {rdata.to_text() for rdata in line.kept} == {txt(theirs), GOOGLE}


@pytest.mark.parametrize("other", ["v=spf10 a", "spf2.0/pra a -all", "v=verifydomain MS=1", "p=x"])
def test_other_kinds_are_not_ours(other: str) -> None:
    seen = held(("shop.example", "TXT", 60, [txt(other)]))
    line = line_of([record("shop.example", "TXT", SPF)], seen)
    assert (line.verdict, len(line.kept)) == ("change", 1)


def test_texts_that_are_cut_otherwise_are_the_same() -> None:
    text = "v=DKIM1; p=" + "A" * 400
    seen = held(("s._domainkey.shop.example", "TXT", 60, [f'"{text[:200]}" "{text[200:]}"']))
    wanted = record("s._domainkey.shop.example", "TXT", txt(text))
    assert line_of([wanted], seen).verdict == "unchanged"


def test_a_cname_in_the_way_is_told_and_stays() -> None:
    seen = held(("a.shop.example", "CNAME", 60, ["www.shop.example."]))
    found = planned([record("a.shop.example", "A", "192.0.2.1")], seen)
    assert [line.verdict for line in found.lines] == ["in the way"]
    assert not found.is_settled
    assert rows(update(found)) == []
    assert doubtful(found) == ((dns.name.from_text("a.shop.example"), dns.rdatatype.CNAME),)


def test_a_cname_of_ours_is_changed() -> None:
    seen = held(("mta-sts.shop.example", "CNAME", 60, ["old.shop.example."]))
    wanted = [record("mta-sts.shop.example", "CNAME", "www.shop.example.")]
    assert line_of(wanted, seen).verdict == "change"


@pytest.mark.parametrize(
    ("kind", "wanted", "others"),
    [
        ("MX", "10 mail1.shop.example.", ["1 mx.people.example."]),
        # Who ranks its servers has another use for one of ours.
        ("MX", "10 mail1.shop.example.", ["5 mx.shop.example."]),
        ("CAA", '0 issue "letsencrypt.org"', ['0 issue "other.example"']),
    ],
)
def test_what_others_have_stays(kind: str, wanted: str, others: list[str]) -> None:
    records = [record("shop.example", kind, wanted)]
    assert line_of(records, held(("shop.example", kind, 60, others))).verdict == "in the way"
    beside = held(("shop.example", kind, 900, [*others, wanted]))
    assert line_of(records, beside).verdict == "unchanged"
    assert line_of(records, {}).verdict == "add"
    owned = [record("bounce.shop.example", kind, wanted)]
    assert line_of(owned, held(("bounce.shop.example", kind, 60, others))).verdict == "in the way"


def test_one_rrset_has_every_reason_once() -> None:
    records = [
        Record("a.shop.example", 60, "A", f"192.0.2.{number}", why)
        for number, why in ((1, "one"), (2, "two"), (3, "one"))
    ]
    (line,) = planned(records, {}).lines
    assert line.why == ("one", "two")
    assert len(questions(records)) == 1


def test_names_in_rdata_compare_without_case() -> None:
    seen = held(("1.2.0.192.in-addr.arpa", "PTR", 60, ["OUT1.shop.example."]))
    wanted = [record("1.2.0.192.in-addr.arpa", "PTR", "out1.shop.example.")]
    assert line_of(wanted, seen).verdict == "unchanged"


VOID = '"v=DKIM1; p="'
SELECTOR = "202605-mail1._domainkey.shop.example"


@pytest.mark.parametrize("stands", [VOID, '"v=DKIM1; k=rsa; p=AAAA"', '"p=AAAA"'])
def test_the_record_of_a_key_that_is_gone_is_removed_whatever_it_says(stands: str) -> None:
    seen = held((SELECTOR, "TXT", 900, [stands]))
    found = planned([], seen, [record(SELECTOR, "TXT", VOID)])
    assert [line.verdict for line in found.lines] == ["remove"]
    assert doubtful(found) == tuple(seen)
    assert rows(update(found)) == [
        ("need", f"{SELECTOR}.", "IN", "TXT", 0, stands),
        ("do", f"{SELECTOR}.", "NONE", "TXT", 0, stands),
    ]
    said = plan_text(found)
    assert f"remove  {SELECTOR}" in said
    assert f"goes TXT {stands}" in said
    assert "->" not in said


def test_beside_it_everything_stays() -> None:
    seen = held((SELECTOR, "TXT", 900, [GOOGLE, VOID]))
    found = planned([], seen, [record(SELECTOR, "TXT", VOID)])
    assert rows(update(found))[-1] == ("do", f"{SELECTOR}.", "NONE", "TXT", 0, VOID)
    assert f"stays TXT {GOOGLE}" in plan_text(found)


@pytest.mark.parametrize("seen", [held(), held((SELECTOR, "TXT", 900, [GOOGLE]))])
def test_where_it_is_not_nothing_is_done(seen: dict[Key, RRset]) -> None:
    found = planned([], seen, [record(SELECTOR, "TXT", VOID)])
    assert found.lines == ()
    assert found.is_settled
