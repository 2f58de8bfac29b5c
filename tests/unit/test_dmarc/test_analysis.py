"""Who sends as a domain, what fails, and what a stricter policy would have struck."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from postroad.settings.model import Estate
from postroad.watch.dmarc.analysis import Analysis, Cost, Findings, Source, analyse
from postroad.watch.dmarc.model import Report
from postroad.watch.dmarc.reader import read_report
from postroad.watch.dmarc.xml import checked
from tests.unit import estates
from tests.unit.declarations import declaration, put, shared
from tests.unit.test_dmarc.samples import (
    FORGED,
    OUR_CAMPAIGNS,
    OURS,
    STRANGER,
    day,
    google,
    microsoft,
    rfc_9990,
    row,
)


def estate(**dmarc: Any) -> Estate:
    return estates.estate(put(declaration(), ("dmarc",), dmarc))


def read(*texts: str) -> list[Report]:
    return [read_report(checked(text.encode())) for text in texts]


def analysed(*texts: str, **dmarc: Any) -> Analysis:
    return analyse(estate(**dmarc), read(*texts))


def findings(*texts: str, domain: str = "shop.example", **dmarc: Any) -> Findings:
    return next(f for f in analysed(*texts, **dmarc).domains if f.domain == domain)


def source(address: str, *texts: str) -> Source:
    return next(s for s in findings(*texts).sources if s.address == ip_address(address))


def test_what_both_formats_and_several_reporters_say_is_added_up() -> None:
    found = findings(google(row(count=3)), microsoft(row(count=4), FORGED), rfc_9990())
    assert [(s.address, s.messages) for s in found.sources] == [
        (ip_address(OURS), 8),
        (ip_address(STRANGER), 7),
    ]
    assert (found.messages, found.reports, found.days) == (15, 3, 1)
    assert found.reporters == ("google.com", "Enterprise Outlook", "Sample Reporter")


def test_sources_are_told_apart() -> None:
    text = google(row(count=3), FORGED)
    ours, strange = source(OURS, text), source(STRANGER, text)
    assert (ours.ours, ours.dkim, ours.spf, ours.failed, ours.strange) == (
        "mail1 transactional",
        3,
        3,
        0,
        0,
    )
    assert (strange.ours, strange.failed, strange.strange) == (None, 7, 7)
    assert strange.envelope_from == ("bulk.example",)
    assert ours.signatures == ("202611-m1._domainkey.shop.example pass",)


def test_an_address_of_two_streams_and_a_host_s_own() -> None:
    both = analyse(estates.estate(shared()), read(google(row("192.0.2.21"))))
    assert both.domains[0].sources[0].ours == "mail2 transactional marketing"
    assert source("192.0.2.11", google(row("192.0.2.11"))).ours == "mail1"
    assert source("2001:db8::13", google(row("2001:DB8:0::13"))).ours == "mail1 marketing"


@pytest.mark.parametrize(
    ("dkim", "spf", "failed", "alone"),
    [
        ("pass", "pass", 0, 0),
        ("pass", "fail", 0, 0),
        ("fail", "pass", 0, 1),
        ("fail", "fail", 1, 0),
    ],
)
def test_one_aligned_pass_is_enough(dkim: str, spf: str, failed: int, alone: int) -> None:
    ours = source(OURS, google(row(dkim=dkim, spf=spf)))
    assert (ours.failed, ours.spf_alone) == (failed, alone)


def test_what_the_next_stage_costs() -> None:
    fails = {"dkim": "fail", "spf": "fail"}
    found = findings(
        google(
            row(count=100),
            row(count=2, **fails),
            row("198.51.100.200", 3, **fails),
            row("198.51.100.201", 4, **fails, signed_by=None, reason="mailing_list"),
            FORGED,
            row("198.51.100.202", 50, spf="fail"),
        )
    )
    assert found.cost == Cost(ours=2, forwarded=7, strange=7)
    assert found.cost.messages == 16


def test_what_receivers_struck_already() -> None:
    fails = {"dkim": "fail", "spf": "fail"}
    text = google(
        row(count=5, disposition="reject", **fails),
        row(count=2, disposition="quarantine", **fails),
        row(count=9),
    )
    assert source(OURS, text).stopped == 7


def test_the_same_report_twice_counts_once() -> None:
    twice = analysed(google(row(count=3)), google(row(count=3)), microsoft())
    assert (twice.reports, twice.duplicates, twice.domains[0].messages) == (2, 1, 4)


@pytest.mark.parametrize(
    "other",
    [
        google(identifier="2"),
        google(domain="news.shop.example"),
        google(span=day(1)),
        google().replace("google.com</org", "yahoo.example</org"),
    ],
    ids=["identifier", "domain", "time", "reporter"],
)
def test_reports_that_differ_all_count(other: str) -> None:
    assert analysed(google(), other).duplicates == 0


def test_each_sending_domain_has_what_is_said_of_it_and_of_names_below() -> None:
    text = google(
        row(count=1),
        row(count=2, header_from="news.shop.example"),
        row(count=4, header_from="made-up.shop.example"),
        row(count=8, header_from="x.news.shop.example"),
        row(count=16, header_from="bookshop.example"),
    )
    found = analysed(text)
    assert {f.domain: f.messages for f in found.domains} == {
        "shop.example": 5,
        "news.shop.example": 10,
    }
    assert found.foreign == {"bookshop.example": 16}


def test_days_count_at_the_stage_that_was_published() -> None:
    texts = [
        google(identifier="1", span=day(0)),
        google(identifier="2", span=day(1), policy="quarantine"),
        google(identifier="3", span=day(1), policy="quarantine"),
        google(identifier="4", span=day(2), policy="reject"),
        google(identifier="5", span=day(9), policy="nonsense"),
    ]
    found = findings(*texts, stages={"shop.example": "quarantine"})
    assert (found.policy, found.days, found.days_at_stage) == ("quarantine", 4, 2)
    assert findings(*texts).days_at_stage == 4


def test_a_name_below_is_under_the_policy_for_such_names() -> None:
    text = google(row(header_from="news.shop.example"), policy="quarantine")
    strict = findings(text, domain="news.shop.example", policy="quarantine")
    assert strict.days_at_stage == 1
    lax = text.replace("<sp>quarantine", "<sp>none")
    assert findings(lax, domain="news.shop.example", policy="quarantine").days_at_stage == 0


def test_a_domain_without_a_report() -> None:
    found = findings(google(row(OUR_CAMPAIGNS)), domain="news.shop.example")
    assert (found.reports, found.first, found.last, found.sources) == (0, None, None, ())
