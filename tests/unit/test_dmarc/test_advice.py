"""When the next stage is due, and what stands against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from ipaddress import ip_address
from typing import Any

import pytest

from postroad.settings.model import DmarcPolicy
from postroad.watch.dmarc.advice import DAYS, MESSAGES, Advice, advise, stages_line
from postroad.watch.dmarc.analysis import Findings, Source
from tests.unit.test_dmarc.samples import MIDNIGHT, OURS, STRANGER, utc
from tests.unit.test_dmarc.test_analysis import estate

TODAY = utc(MIDNIGHT).date()
NOBODY = Source(ip_address(STRANGER), None, None, 0, 0, 0, 0, 0, 0, 0, ("shop.example",), (), ())
OWN = replace(
    NOBODY, address=ip_address(OURS), ours="mail1 transactional", messages=10_000, dkim=10_000
)


def ready(**changes: Any) -> Findings:
    found = Findings(
        domain="shop.example",
        policy="none",
        reports=DAYS,
        reporters=("google.com",),
        first=utc(MIDNIGHT),
        last=utc(MIDNIGHT),
        days=DAYS,
        days_at_stage=DAYS,
        sources=(OWN,),
    )
    return replace(found, **changes)


@pytest.mark.parametrize(("stage", "after"), [("none", "quarantine"), ("quarantine", "reject")])
def test_a_domain_that_is_ready(stage: DmarcPolicy, after: DmarcPolicy) -> None:
    assert advise(ready(policy=stage), TODAY) == Advice("shop.example", "advance", after, ())


def test_there_is_nothing_after_reject() -> None:
    assert advise(ready(policy="reject"), TODAY) == Advice("shop.example", "done", None, ())


@pytest.mark.parametrize("stage", ["none", "quarantine", "reject"])
def test_own_mail_that_fails_stands_against_it(stage: DmarcPolicy) -> None:
    failing = replace(OWN, failed=11)
    advice = advise(ready(policy=stage, sources=(failing,)), TODAY)
    assert advice.verdict == ("done" if stage == "reject" else "not yet")
    assert "11 of 10000 messages from 192.0.2.12 (mail1 transactional) fail" in advice.reasons[0]


def test_a_receiver_s_own_trouble_does_not() -> None:
    noise = replace(OWN, failed=10, spf_alone=10)
    assert advise(ready(policy="quarantine", sources=(noise,)), TODAY).verdict == "advance"


def test_spf_alone_stands_against_reject_and_not_against_quarantine() -> None:
    alone = replace(OWN, dkim=0, spf=10_000, spf_alone=10_000)
    assert advise(ready(sources=(alone,)), TODAY).verdict == "advance"
    advice = advise(ready(policy="quarantine", sources=(alone,)), TODAY)
    assert advice.verdict == "not yet"
    assert "pass by SPF alone" in advice.reasons[0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"days_at_stage": DAYS - 1}, "27 of 28 days at p=none"),
        ({"last": utc(MIDNIGHT) - timedelta(days=8)}, "newest report is of"),
        ({"sources": (replace(OWN, messages=MESSAGES - 1),)}, "99 messages of ours"),
        ({"sources": (replace(NOBODY, messages=MESSAGES),)}, "0 messages of ours"),
        ({"first": None, "last": None, "sources": ()}, "No report tells of it"),
    ],
)
def test_too_little_is_no_evidence(changes: dict[str, Any], reason: str) -> None:
    advice = advise(ready(**changes), TODAY)
    assert (advice.verdict, advice.next_stage) == ("not yet", "quarantine")
    assert reason in advice.reasons[0]


def test_everything_that_stands_against_it_is_said_at_once() -> None:
    advice = advise(ready(days_at_stage=0, sources=(replace(OWN, failed=500),)), date(2030, 1, 1))
    assert len(advice.reasons) == 3


def test_strangers_are_looked_at_first() -> None:
    stranger = replace(NOBODY, messages=400, failed=400, network="Mailer AG")
    advice = advise(ready(sources=(OWN, stranger)), TODAY)
    assert (advice.verdict, len(advice.reasons)) == ("look first", 1)
    assert "400 messages from 203.0.113.9 (Mailer AG) fail and are not ours" in advice.reasons[0]


@pytest.mark.parametrize(
    "stranger",
    [
        replace(NOBODY, messages=10, failed=10),
        replace(NOBODY, messages=400, dkim=400),
        replace(NOBODY, messages=10, failed=10, forwarded=10),
    ],
    ids=["too few to matter", "passes", "a few were forwarded"],
)
def test_what_needs_no_look(stranger: Source) -> None:
    assert advise(ready(sources=(OWN, stranger)), TODAY).verdict == "advance"


def test_forwarded_mail_is_the_operator_s_to_weigh() -> None:
    forwarder = replace(NOBODY, messages=50, failed=50, forwarded=50)
    advice = advise(ready(sources=(OWN, forwarder)), TODAY)
    assert advice.verdict == "look first"
    assert "50 forwarded copies" in advice.reasons[0]


def test_the_line_to_write_keeps_what_stands_there() -> None:
    declared = estate(policy="none", stages={"news.shop.example": "reject"})
    due = Advice("shop.example", "advance", "quarantine", ())
    assert stages_line(declared, [due]) == (
        '"stages": {"news.shop.example": "reject", "shop.example": "quarantine"},'
    )
    assert estate(stages={"news.shop.example": "reject", "shop.example": "quarantine"})


@pytest.mark.parametrize("verdict", ["not yet", "look first"])
def test_no_line_before_it_is_due(verdict: Any) -> None:
    assert stages_line(estate(), [Advice("shop.example", verdict, "quarantine", ())]) is None
