"""Of all that the estate publishes, nothing can be missing without a word about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroad.dns.check.checks import Facts
from postroad.dns.check.mta_sts import Page
from postroad.dns.check.verdict import Verdict
from postroad.dns.mta_sts import policy
from postroad.dns.records import derive
from postroad.settings.model import Address

from .. import estates
from .estate import faults, judge
from .world import Record

# It sends by another name than its own, and takes no mail in.
SENDER = replace(
    estates.host(
        "sender",
        ("203.0.113.31",),
        estates.way_out("transactional", "out3.shop.example", "203.0.113.31"),
        estates.way_out("marketing", "news3.shop.example", "203.0.113.32"),
    ),
    inbound=False,
)
ESTATE = estates.whole_estate(estates.MAIL1, estates.MAIL2, SENDER)
KEYS = (*estates.keys_of_mail1(), *estates.keys_of_mail2())
RECORDS = derive(ESTATE, KEYS, estates.CERTIFICATES)
FACTS = Facts(KEYS, (("sender", "it is off"),), estates.CERTIFICATES)
# What others publish: the shop's web host, and the mailboxes of its people.
OTHERS: list[Record] = [
    ("www.shop.example", "A", "198.51.100.80"),
    ("shop.example", "MX", "10 mx.shop.example."),
]


def pages(host: str, path: str, address: Address) -> Page:
    assert ESTATE.mta_sts is not None
    return Page(200, "text/plain", policy(ESTATE, ESTATE.mta_sts))


def judged(*missing: tuple[str, str]) -> list[Verdict]:
    kept = [(r.owner, r.type, r.data) for r in RECORDS if (r.owner, r.type) not in missing]
    verdicts = faults(judge([*kept, *OTHERS], ESTATE, FACTS, pages))
    # The zones of these tests are not signed, so that nobody looks at TLSA records; and the host
    # that is off tells no keys.
    return [v for v in verdicts if v.verdict != "unknown"]


def test_with_all_of_them_nothing_is_wrong() -> None:
    assert judged() == []


def test_the_estate_has_all_kinds() -> None:
    """So that the test below means something."""
    kinds = {(r.type, r.data.split(" ")[0].strip('"')) for r in RECORDS if r.type in ("TXT", "MX")}
    versions = {"v=spf1", "v=DKIM1;", "v=DMARC1;", "v=STSv1;", "v=TLSRPTv1;"}
    assert kinds == {*(("TXT", version) for version in versions), ("MX", "10"), ("MX", "0")}
    assert {r.type for r in RECORDS} == {"A", "AAAA", "CAA", "CNAME", "MX", "PTR", "TLSA", "TXT"}


@pytest.mark.parametrize(
    "place",
    sorted({(r.owner, r.type) for r in RECORDS if r.type != "TLSA"}),
    ids=lambda place: f"{place[0]} {place[1]}",
)
def test_each_is_missed(place: tuple[str, str]) -> None:
    found = judged(place)
    assert found
    assert all(verdict.mend for verdict in found)
