"""MTA-STS, TLS reports, TLSA and CAA: as declared is ok, each way to break them is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from postroad.dns.check.mta_sts import Page, matches
from postroad.dns.check.said import UnansweredError
from postroad.dns.check.verdict import Verdict
from postroad.dns.tlsa import LiveCertificate
from postroad.settings.model import AcmeTls, Address, Http01, MtaSts

from .estate import ESTATE, FACTS, faults, judge, published
from .world import Record, txt

DIGEST = "ab" * 32
DECLARED = replace(
    ESTATE,
    mta_sts=MtaSts("enforce", 1_209_600, "www.shop.example"),
    tls_reports="tls@shop.example",
    tls=AcmeTls("https://acme.example/", "ops@shop.example", None, Http01(), "letsencrypt.org"),
)
ENVELOPES = ("bounce.shop.example", "bounce.news.shop.example")
RECORDS: list[Record] = [
    *((f"_mta-sts.{d}", "TXT", txt("v=STSv1; id=20261123;")) for d in ENVELOPES),
    *((f"mta-sts.{d}", "A", "198.51.100.80") for d in ENVELOPES),
    *(
        (f"_smtp._tls.{d}", "TXT", txt("v=TLSRPTv1; rua=mailto:tls@shop.example"))
        for d in ENVELOPES
    ),
    ("shop.example", "CAA", '0 issue "letsencrypt.org"'),
    ("_25._tcp.mail1.shop.example", "TLSA", f"3 1 1 {DIGEST}"),
]
POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mail1.shop.example\r\nmax_age: 1209600\r\n"


def serves(page: Page) -> object:
    def fetch(host: str, path: str, address: Address) -> Page:
        assert host.startswith("mta-sts.bounce.")
        assert path == "/.well-known/mta-sts.txt"
        assert str(address) == "198.51.100.80"
        return page

    return fetch


def text(body: str) -> Page:
    return Page(200, "text/plain", body)


def judged(records: Sequence[Record], page: Page) -> list[Verdict]:
    facts = replace(FACTS, served=(LiveCertificate("mail1", DIGEST),))
    return judge([*published(), *records], DECLARED, facts, serves(page))  # type: ignore[arg-type]


def instead(name: str, kind: str, *rdatas: str) -> list[Record]:
    kept = [record for record in RECORDS if record[:2] != (name, kind)]
    return [*kept, *((name, kind, rdata) for rdata in rdatas)]


def test_as_declared_is_ok() -> None:
    verdicts = judged(RECORDS, text(POLICY))
    assert faults(verdicts) == []
    checked = {verdict.check for verdict in verdicts}
    assert checked >= {"MTA-STS record", "MTA-STS policy", "TLS reports", "TLSA", "CAA"}


@pytest.mark.parametrize(
    ("page", "severity", "words"),
    [
        (Page(404, "text/plain", POLICY), "required", "it answers 404"),
        (Page(301, "text/plain", ""), "required", "it redirects (301)"),
        (Page(200, "text/html", POLICY), "required", "not text/plain"),
        (Page(fault="its certificate is refused"), "required", "certificate is refused"),
        (text(""), "required", "has no version: STSv1"),
        (text(POLICY.replace("enforce", "testing")), "required", "mode is testing, declared is"),
        (text(POLICY.replace("mail1", "mail9")), "required", "does not name the MX mail1"),
        (text(POLICY.replace("1209600", "")), "required", "max_age is missing"),
        (text(POLICY.replace("1209600", "9" * 5000)), "required", "max_age is 999"),
        (text(POLICY.replace("1209600", "60")), "recommended", "less than a day"),
    ],
)
def test_policy(page: Page, severity: str, words: str) -> None:
    found = [v for v in faults(judged(RECORDS, page)) if words in v.reason]
    assert {(v.check, v.about, v.verdict, v.severity) for v in found} == {
        ("MTA-STS policy", domain, "wrong", severity) for domain in ENVELOPES
    }


def test_a_web_host_that_does_not_answer_is_unknown() -> None:
    def fetch(host: str, path: str, address: Address) -> Page:
        raise UnansweredError("nobody there")

    found = faults(judge([*published(), *RECORDS], DECLARED, FACTS, fetch))
    assert {(v.check, v.verdict) for v in found} == {("MTA-STS policy", "unknown")}


STS, RPT = "_mta-sts.bounce.shop.example", "_smtp._tls.bounce.shop.example"
TLSA = "_25._tcp.mail1.shop.example"


@pytest.mark.parametrize(
    ("name", "kind", "rdatas", "check", "severity", "words"),
    [
        (STS, "TXT", (), "MTA-STS record", "required", "has no MTA-STS record"),
        (STS, "TXT", ('"v=STSv1; id=1"', '"v=STSv1; id=2"'), "MTA-STS", "required", "has 2"),
        (STS, "TXT", ('"v=STSv1; id=2026-11"',), "MTA-STS record", "required", "id=2026-11"),
        (STS, "TXT", ('"v=STSv1"',), "MTA-STS record", "required", "id= is not"),
        ("mta-sts.bounce.shop.example", "A", (), "MTA-STS policy", "required", "no address"),
        (RPT, "TXT", (), "TLS reports", "recommended", "has no TLS reporting record"),
        (RPT, "TXT", ('"v=TLSRPTv1; rua=mailto:x@y.example"',), "TLS", "recommended", "no reports"),
        (TLSA, "TLSA", (f"3 1 1 {'cd' * 32}",), "TLSA", "recommended", "no TLSA record"),
        (TLSA, "TLSA", (f"2 0 1 {DIGEST}",), "TLSA", "recommended", "no TLSA record"),
        ("shop.example", "CAA", ('0 issue "other.example"',), "CAA", "required", "lets other"),
        ("shop.example", "CAA", ('0 issue ";"',), "CAA", "required", "lets nobody issue"),
        ("shop.example", "CAA", (), "CAA", "recommended", "every authority may issue"),
        ("shop.example", "CAA", ('128 tbs "x"',), "CAA", "required", "critical CAA property tbs"),
        ("mail1.shop.example", "CAA", ('0 issue "a.example"',), "CAA", "required", "lets a.exa"),
    ],
)
def test_records(
    name: str, kind: str, rdatas: tuple[str, ...], check: str, severity: str, words: str
) -> None:
    found = faults(judged(instead(name, kind, *rdatas), text(POLICY)))
    assert found
    for verdict in found:
        assert verdict.check.startswith(check)
        assert (verdict.verdict, verdict.severity) == ("wrong", severity)
        assert words in verdict.reason
        assert verdict.mend


def test_a_rolled_key_may_stand_beside_the_next_one() -> None:
    both = instead(TLSA, "TLSA", f"3 1 1 {DIGEST}", f"3 1 1 {'cd' * 32}")
    assert faults(judged(both, text(POLICY))) == []


@pytest.mark.parametrize(
    ("pattern", "host", "matching"),
    [
        ("mx.example", "mx.example", True),
        ("*.example", "mx.example", True),
        ("*.example", "a.mx.example", False),
        ("*.example", "example", False),
        ("mx.example", "xmx.example", False),
    ],
)
def test_a_wildcard_is_one_label(pattern: str, host: str, matching: bool) -> None:
    assert matches(pattern, host) is matching
