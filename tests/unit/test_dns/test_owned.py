"""What publishing replaces: every former self of the estate, and nothing that others live by."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address

import dns.name
import dns.rdataset
import dns.rdatatype
import pytest
from dns.rdataclass import IN

from postroad.dns.changes import ZonePlan, plan, update
from postroad.dns.octodns import document
from postroad.dns.plan_text import plan_text
from postroad.dns.records import derive
from postroad.dns.rrset import Key, RRset, answered, rrsets
from postroad.dns.text import txt
from postroad.dns.work_order import work_order
from postroad.settings.model import Estate, Host

from . import estates
from .estates import MAIL1, MAIL2, way_out, whole_estate

ZONE = "shop.example"
SHARED = frozenset(map(dns.name.from_text, ("shop.example", "news.shop.example")))
BOUNCE = "bounce.shop.example"


def published(estate: Estate) -> dict[Key, RRset]:
    """What a zone holds after ``estate`` was published."""
    records = derive(estate, estates.keys_of_mail1(), estates.CERTIFICATES)
    return {rrset.key: rrset for rrset in rrsets(records)}


def planned(estate: Estate, seen: Mapping[Key, RRset]) -> ZonePlan:
    records = derive(estate, estates.keys_of_mail1(), estates.CERTIFICATES)
    return plan(ZONE, records, (), seen, SHARED)


def beside(seen: Mapping[Key, RRset], owner: str, kind: str, *texts: str) -> dict[Key, RRset]:
    """The same, with these records in the place of those that were there."""
    rdataset = dns.rdataset.from_text_list(IN, kind, 3600, list(texts))
    rrset = answered(dns.name.from_text(owner), rdataset)
    return {**seen, rrset.key: rrset}


def verdicts(found: ZonePlan) -> dict[tuple[str, str], str]:
    return {
        (line.wanted.name.to_text(omit_final_dot=True), line.wanted.type.name): line.verdict
        for line in found.lines
    }


def moved(host: Host, by: int) -> Host:
    """The same host after its hoster gave it other addresses."""

    def other(address: IPv4Address | None) -> IPv4Address | None:
        return None if address is None else address + by

    ways = tuple(replace(way, ipv4=other(way.ipv4)) for way in host.ways_out)
    return replace(host, ipv4=other(host.ipv4), ways_out=ways)


def crowd(number: int) -> list[Host]:
    """So many hosts that a policy is told in parts."""
    return [
        estates.host(
            f"host{n}",
            (f"203.0.113.{n}", f"2001:db8:1234:5678:9abc:def0:1234:{n:x}"),
            way_out(
                "transactional",
                f"out-host{n}.shop.example",
                f"198.51.100.{n}",
                f"2001:db8:1234:5678:9abc:def0:4321:{n:x}",
            ),
        )
        for n in range(1, number + 1)
    ]


def journeys() -> Iterator[tuple[str, Estate, Estate]]:
    """What an estate may become in one step: (name, before, after)."""
    one, both = whole_estate(MAIL1), whole_estate(MAIL1, MAIL2)
    yield "a host is added", one, both
    yield "a host goes", both, one
    yield "the other host goes", both, whole_estate(MAIL2)
    yield "its addresses change", one, whole_estate(moved(MAIL1, 100))
    yield "all addresses change", both, whole_estate(moved(MAIL1, 100), moved(MAIL2, 100))
    yield (
        "IPv6 goes",
        one,
        whole_estate(
            replace(MAIL1, ipv6=None, ways_out=tuple(replace(w, ipv6=None) for w in MAIL1.ways_out))
        ),
    )
    apart = replace(
        MAIL2,
        shared_address=False,
        ways_out=(way_out("transactional", "out2.shop.example", "198.51.100.22"),),
    )
    yield "an address for each stream", both, whole_estate(MAIL1, apart)
    yield "one address again", whole_estate(MAIL1, apart), both
    yield "parts", one, whole_estate(MAIL1, *crowd(12))
    yield "more parts", whole_estate(*crowd(12)), whole_estate(*crowd(30))
    yield "no parts any more", whole_estate(MAIL1, *crowd(12)), one
    inbound = replace(MAIL1, inbound=False)
    yield (
        "inbound moves",
        whole_estate(MAIL1, replace(MAIL2, inbound=False)),
        whole_estate(inbound, MAIL2),
    )
    yield "another TTL", one, replace(one, record_ttl=60)
    yield (
        "another report address",
        one,
        replace(one, tls_reports="x@y.example", dmarc=replace(one.dmarc, reports="z@shop.example")),
    )
    yield "a stricter policy", one, replace(one, dmarc=replace(one.dmarc, policy="reject"))
    yield (
        "another web host",
        one,
        replace(one, mta_sts=one.mta_sts and replace(one.mta_sts, web_host="web.shop.example")),
    )
    yield "another authority", one, replace(one, tls=replace(estates.AUTHORITY, caa="new.example"))
    for seed in range(30):
        chance = random.Random(seed)
        before = chance.sample([MAIL1, MAIL2, *crowd(8)], chance.randint(2, 10))
        after = [
            moved(h, 64) if chance.random() < 0.3 else h for h in before if chance.random() < 0.8
        ]
        if any(host in before for host in after):
            yield f"chance {seed}", whole_estate(*before), whole_estate(*after)


@pytest.mark.parametrize(
    ("before", "after"), [pytest.param(b, a, id=name) for name, b, a in journeys()]
)
def test_a_former_self_is_never_in_the_way(before: Estate, after: Estate) -> None:
    found = planned(after, published(before))
    assert {at: v for at, v in verdicts(found).items() if v in ("in the way", "waits")} == {}


@pytest.mark.parametrize(("before", "after"), [(b, a) for _, b, a in journeys()][:6])
def test_a_second_look_finds_nothing(before: Estate, after: Estate) -> None:
    now = {**published(before), **published(after)}
    assert planned(after, now).is_settled


OFFICE = [
    ["v=spf1 include:_spf.google.com ~all"],
    ["v=spf1 include:_spf.goo", "gle.com ~all"],
    ["v=sp", "f1 mx -all"],
    ["v=spf1 redirect=_spf.office.example"],
    ["v=spf1 a mx ip4:192.0.2.12 -all"],
    ["v=spf1 ip4:192.0.2.0/24 -all"],
    ["v=spf1 ip4:203.0.113.25 ~all"],
    ["v=spf1 ip4:203.0.113.25 ip6:2001:db8:f::1 -all"],
    ["v=spf1 ?all"],
    ["v=spf1 +all"],
    ["V=SPF1 exists:%{i}.office.example -all"],
    ["v=spf1  ip4:192.0.2.12 -all exp=why.office.example"],
    ["v=spf1 include:_spf1.other.example ~all"],
    ["v=spf1"],
]


@pytest.mark.parametrize("strings", OFFICE, ids="|".join)
@pytest.mark.parametrize("owner", [BOUNCE, "out1.shop.example", "mail1.shop.example"])
def test_an_offices_policy_stays_and_nothing_is_published_beside_it(
    strings: list[str], owner: str
) -> None:
    data = " ".join(map(txt, strings))
    found = planned(whole_estate(MAIL1), beside({}, owner, "TXT", data))
    assert verdicts(found)[owner, "TXT"] == "in the way"
    assert "add" not in {v for (name, _), v in verdicts(found).items() if name.endswith(owner)}
    touched = {rrset.name.to_text(omit_final_dot=True) for rrset in update(found).update}
    assert not {name for name in touched if name == owner or name.endswith(f"_tls.{owner}")}
    said = plan_text(found)
    assert f"stays TXT {data}" in said
    assert "give the estate another name" in said
    assert "waits for what is in the way" in said


@pytest.mark.parametrize(
    ("theirs", "merged"),
    [
        (
            "v=spf1 ip4:203.0.113.5 ip4:203.0.113.6 ip4:192.0.2.12 ~all",
            "v=spf1 ip4:203.0.113.5 ip4:203.0.113.6 ip4:192.0.2.12 ip6:2001:db8::12 ~all",
        ),
        (
            "v=spf1 ip4:192.0.2.12 redirect=_spf.office.example",
            "v=spf1 ip4:192.0.2.12 ip6:2001:db8::12 redirect=_spf.office.example",
        ),
        (
            "v=spf1 mx:office.example a:www.office.example ip4:192.0.2.0/24 -ALL",
            "v=spf1 mx:office.example a:www.office.example ip4:192.0.2.0/24 ip4:192.0.2.12"
            " ip6:2001:db8::12 -ALL",
        ),
    ],
)
def test_an_office_that_lets_one_of_ours_through_keeps_its_own(theirs: str, merged: str) -> None:
    stands = beside({}, BOUNCE, "TXT", txt(theirs))
    # Nor is its MX taken for a former one of ours, though it is of the same organization.
    found = planned(whole_estate(MAIL1), beside(stands, BOUNCE, "MX", "10 mx.shop.example."))
    assert verdicts(found)[BOUNCE, "TXT"] == "in the way"
    assert verdicts(found)[BOUNCE, "MX"] == "in the way"
    assert f'it would read: "{merged}"' in plan_text(found)
    # What it says to write settles it.
    settled = planned(whole_estate(MAIL1), beside({}, BOUNCE, "TXT", txt(merged)))
    assert verdicts(settled)[BOUNCE, "TXT"] == "unchanged"


@pytest.mark.parametrize(("kind", "data"), [("A", "203.0.113.5"), ("AAAA", "2001:db8:f::5")])
def test_a_name_that_gets_its_mail_at_its_address_gets_no_mx(kind: str, data: str) -> None:
    found = planned(whole_estate(MAIL1), beside({}, BOUNCE, kind, data))
    assert verdicts(found)[BOUNCE, "MX"] == "in the way"
    assert verdicts(found)[BOUNCE, "TXT"] == "waits"
    assert f"stays {kind} {data}" in plan_text(found)
    assert "without an MX, mail to this name goes to its address" in plan_text(found)
    # An address of the estate's own, or beside an MX of ours, is nobody's mail.
    ours = planned(whole_estate(MAIL1), beside({}, BOUNCE, "A", "192.0.2.12"))
    assert verdicts(ours)[BOUNCE, "MX"] == "add"
    there = published(whole_estate(MAIL1))
    assert not planned(whole_estate(MAIL1), beside(there, BOUNCE, kind, data)).in_the_way


def test_two_policies_are_not_made_one() -> None:
    ours = "v=spf1 ip4:192.0.2.12 ip6:2001:db8::12 ~all"
    both = [txt(ours), txt("v=spf1 include:_spf.google.com ~all")]
    found = planned(whole_estate(MAIL1), beside({}, BOUNCE, "TXT", *both))
    assert verdicts(found)[BOUNCE, "TXT"] == "in the way"
    assert update(found).update
    assert not [r for r in update(found).update if r.name == dns.name.from_text(BOUNCE)]


def test_a_policy_that_lets_ours_through_settles_it() -> None:
    theirs = "v=spf1 include:_spf.esp.example +ip4:192.0.2.12 ip6:2001:db8::12 -all"
    found = planned(whole_estate(MAIL1), beside({}, BOUNCE, "TXT", txt(theirs)))
    assert verdicts(found)[BOUNCE, "TXT"] == "unchanged"
    assert verdicts(found)[BOUNCE, "MX"] == "add"


@pytest.mark.parametrize(
    ("owner", "theirs", "verdict"),
    [
        ("_dmarc.shop.example", "p=reject; rua=mailto:x@y.example, mailto:{}", "unchanged"),
        ("_dmarc.shop.example", "p=none; rua=mailto:{}; fo=1", "unchanged"),
        ("_dmarc.shop.example", "p=reject; rua=mailto:x@y.example", "in the way"),
        ("_dmarc.shop.example", "rua=mailto:{}", "in the way"),
    ],
)
def test_a_policy_that_does_all_that_ours_would_settles_it(
    owner: str, theirs: str, verdict: str
) -> None:
    data = txt("v=DMARC1; " + theirs.format("dmarc@shop.example"))
    found = planned(whole_estate(MAIL1), beside({}, owner, "TXT", data))
    assert verdicts(found)[owner, "TXT"] == verdict


@pytest.mark.parametrize(
    ("owner", "kind", "data"),
    [
        (BOUNCE, "CNAME", "u1.wl.esp.example."),
        (BOUNCE, "MX", "10 mxa.esp.example."),
        ("mail1.shop.example", "A", "203.0.113.80"),
        ("out1.shop.example", "AAAA", "2001:db8:f::80"),
        ("mail1.shop.example", "CNAME", "www.shop.example."),
        ("out1.shop.example", "CAA", '0 issuewild "ca.example"'),
        ("out1.shop.example", "CAA", '0 issue "other.example"'),
        ("_25._tcp.mail1.shop.example", "TLSA", "2 1 1 " + "0f" * 32),
        (f"_mta-sts.{BOUNCE}", "TXT", '"v=STSv1; id=20260101;"'),
        (f"_smtp._tls.{BOUNCE}", "TXT", '"v=TLSRPTv1; rua=mailto:x@y.example"'),
        (f"mta-sts.{BOUNCE}", "CNAME", "mta-sts.vendor.example."),
        (f"mta-sts.{BOUNCE}", "A", "203.0.113.80"),
        ("unsubscribe.news.shop.example", "CNAME", "links.esp.example."),
        ("unsubscribe.news.shop.example", "A", "203.0.113.80"),
        ("_dmarc.shop.example", "TXT", '"v=DMARC1; p=reject; rua=mailto:x@vendor.example"'),
        ("202611-mail1._domainkey.shop.example", "TXT", '"k=rsa; p=AAAA"'),
    ],
)
def test_what_others_live_by_stays(owner: str, kind: str, data: str) -> None:
    found = planned(whole_estate(MAIL1), beside({}, owner, kind, data))
    lines = [line for line in found.lines if line.verdict == "in the way"]
    assert {line.wanted.name.to_text(omit_final_dot=True) for line in lines} == {owner}
    touched = {(r.name.to_text(omit_final_dot=True), r.rdtype.name) for r in update(found).update}
    assert owner not in {name for name, _ in touched}
    if owner.endswith(BOUNCE):
        assert not {name for name, _ in touched if name.endswith(BOUNCE)}
    if owner == "mail1.shop.example":
        # An MX that leads to somebody else's machine would be half of it.
        assert (BOUNCE, "MX") not in touched
    # All the rest goes on.
    assert ("news1.shop.example", "TXT") in touched


def test_no_words_tell_people_to_replace_what_is_not_the_estates() -> None:
    estate = whole_estate(MAIL1)
    records = derive(estate, ())
    order = work_order(estate, records, ())
    assert "replace an older one" not in " ".join(order.split())
    assert "others live by it: leave it" in " ".join(order.split())
    assert "takes away what others live by" in document(ZONE, records[:1])
    # news.shop.example is in From: and has nothing of its own.
    alone = "these names come to exist: news.shop.example."
    assert alone in " ".join(order.split())
    held = [r for r in records if r.owner.endswith(ZONE)]
    assert alone in document(ZONE, held)


def test_a_pointer_is_ours_within_the_organization() -> None:
    pointer = "12.2.0.192.in-addr.arpa"
    for target, verdict in (
        ("old.shop.example.", "change"),
        ("static-12.hoster.example.", "in the way"),
        ("OUT1.shop.example.", "unchanged"),
    ):
        found = planned(whole_estate(MAIL1), beside({}, pointer, "PTR", target))
        assert verdicts(found)[pointer, "PTR"] == verdict
