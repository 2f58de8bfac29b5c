"""All is ok as published; each way to break a record is named with the right verdict."""

from __future__ import annotations

import pytest

from postroad.dns.check.verdict import status

from .. import estates
from .estate import FACTS, KEYS, faults, instead, judge, published, without
from .world import Record, txt

BOUNCE, HELO = "bounce.shop.example", "out1.shop.example"
KEY = KEYS[0]
POINTER = "12.2.0.192.in-addr.arpa"
GOOD = "ip4:192.0.2.12 ip6:2001:db8::12"
VOIDS = " ".join(f"a:v{n}.shop.example" for n in range(3))
LOOKUPS = " ".join(f"a:mail1.shop.example/{n}" for n in range(21, 32))
P = KEY.public_key_base64

# Name, type, what stands there instead; then check, verdict with severity, words of the reason.
SPF = [
    ((), "required", "has no SPF record"),
    ((f"v=spf1 {GOOD} ~all", "v=spf1 mx ~all"), "required", "Two or more type TXT spf records"),
    ((f" v=spf1 {GOOD} ~all",), "required", "does not begin with exactly v=spf1"),
    ((f"v=spf1{GOOD} ~all",), "required", "does not begin with exactly v=spf1"),
    (("v=spf1 +all",), "required", "lets every address pass"),
    (("v=spf1 ip4:0.0.0.0/0 ip6:::/0 ~all",), "required", "lets every address pass"),
    ((f"v=spf1 {GOOD} ?all",), "recommended", "says nothing about other addresses"),
    (("v=spf1 ip4:198.51.100.1 ~all",), "required", "does not name 192.0.2.12"),
    (("v=spf1 -all",), "required", "refuses 192.0.2.12"),
    (("v=spf1 ip4:192.0.2.12 ~all",), "required", "does not name 2001:db8::12"),
    ((f"v=spf1 {LOOKUPS} {GOOD} ~all",), "required", "Too many DNS lookups"),
    ((f"v=spf1 {GOOD} {LOOKUPS} ~all",), "recommended", "ends in an error: Too many DNS lookups"),
    ((f"v=spf1 {VOIDS} {GOOD} ~all",), "required", "more than 2 empty answers"),
    ((f"v=spf1 {GOOD} ptr ~all",), "recommended", "uses ptr"),
    ((f"v=spf1 {GOOD} ip4:10.0.0.0/8 ~all",), "recommended", "which no receiver ever sees"),
    ((f"v=spf1 ipv4:192.0.2.12 {GOOD} ~all",), "required", "with an error"),
    ((f"v=spf1 include:{BOUNCE} {GOOD} ~all",), "required", "trivial recursion"),
    (("v=spf1 include:nobody.example ~all",), "required", "No valid SPF record"),
    (("v=spf1 redirect=nobody.example",), "required", "redirect domain has no SPF record"),
    (("v=spf1 " + "ip4:198.51.100.1 " * 40 + GOOD + " ~all",), "recommended", "octets"),
    (("v=spf1 " + "ip4:198.51.100.1 " * 400 + GOOD,), "required", "more than receivers take"),
    (("v=spf1 " + "ip4:198.51.100.1 " * 3000 + GOOD,), "required", "no receiver reads so many"),
]

DKIM = [
    ((), "required", "there is no DKIM key"),
    ((f"v=DKIM1; p={estates.public_key(9)}",), "required", "another key"),
    (("v=DKIM1; p=",), "required", "revoked"),
    ((f"v=DKIM1; t=y; p={P}",), "required", "test mode"),
    ((f"v=DKIM1; p={P[:200]}",), "required", "cut off"),
    ((f'"v=DKIM1; p={P}"',), "required", "quotation marks"),
    ((f"v=DKIM1; p={P}", f"v=DKIM1; p={P}; n=2"), "required", "2 TXT records"),
    ((f"v=DKIM1; k=ed25519; p={P}",), "required", "another kind of key"),
    ((f"v=DKIM1; h=sha1; p={P}",), "required", "does not allow sha256"),
    ((f"v=DKIM1; s=tlsrpt; p={P}",), "required", "not for e-mail"),
    ((f"k=rsa; v=DKIM1; p={P}",), "required", "does not begin with v=DKIM1"),
    ((f"v=DKIM1; n={'x' * 2000}; p={P}",), "required", "octets"),
    (("v=DKIM1; p",), "required", "not a list of tag=value pairs"),
]

RUA = "rua=mailto:dmarc@shop.example"
DMARC = [
    ((), "required", "has no DMARC record"),
    ((f"v=DMARC1; p=none; {RUA}", f"v=DMARC1; p=reject; {RUA}"), "required", "2 DMARC records"),
    ((f"p=none; v=DMARC1; {RUA}",), "required", "does not begin with v=DMARC1"),
    ((f"v=dmarc1; p=none; {RUA}",), "required", "does not begin with v=DMARC1"),
    ((f"v=DMARC1; p=nothing; {RUA}",), "required", "p is nothing, not a policy"),
    ((f"v=DMARC1; {RUA}",), "required", "p is missing, not a policy"),
    ((f"v=DMARC1; p=quarantine; sp=none; {RUA}",), "recommended", "sub-domains are easier"),
    ((f"v=DMARC1; p=reject; np=none; {RUA}",), "recommended", "made-up sub-domains are easier"),
    ((f"v=DMARC1; p=none; pct=100; {RUA}",), "recommended", "has pct="),
    ((f"v=DMARC1; p=reject; t=y; {RUA}",), "recommended", "test mode"),
    ((f"v=DMARC1; p=none; aspf=s; {RUA}",), "recommended", "SPF counts for nothing"),
    (("v=DMARC1; p=none",), "recommended", "sends no reports to dmarc@shop.example"),
    (("v=DMARC1; p=none; rua=mailto:d@else.example",), "recommended", "has not agreed"),
    (("v=DMARC1 p none",), "required", "does not begin with v=DMARC1"),
]

OTHERS = [
    ("bounce.shop.example", "MX", (), "MX", "required", "has no MX"),
    ("bounce.shop.example", "MX", ("0 .",), "MX", "required", "null MX"),
    ("bounce.shop.example", "MX", ("10 ns1.example.",), "MX", "required", "no inbound host"),
    ("bounce.shop.example", "MX", ("10 void.example.",), "MX", "required", "has no address"),
    (POINTER, "PTR", (), "FCrDNS of 192.0.2.12", "required", "has no PTR"),
    (POINTER, "PTR", ("x.example.",), "FCrDNS of 192.0.2.12", "required", "is x.example, not out1"),
    (POINTER, "PTR", ("x.example.", f"{HELO}."), "FCrDNS of 192.0.2.12", "recommended", "2 PTR"),
    (HELO, "A", (), "FCrDNS of 192.0.2.12", "required", "it has no A record"),
    (HELO, "A", ("192.0.2.77",), "addresses", "required", "but to 192.0.2.77"),
    (HELO, "AAAA", (), "addresses", "required", "it has no AAAA record"),
    (HELO, "AAAA", ("2001:db8::12", "2001:db8::77"), "addresses", "recommended", "::77 too"),
    ("mail1.shop.example", "A", (), "addresses", "required", "it has no A record"),
    (HELO, "TXT", (), "SPF of HELO from 192.0.2.12", "required", "has no SPF record"),
]


def test_an_estate_as_published_is_all_ok() -> None:
    verdicts = judge(published())
    assert faults(verdicts) == []
    assert status(verdicts) == 0
    checked = {verdict.check.partition(" of ")[0] for verdict in verdicts}
    assert checked >= {"addresses", "FCrDNS", "SPF", "SPF record", "MX", "DKIM", "DMARC policy"}
    assert all(verdict.reason for verdict in verdicts)


def _assert_named(records: list[Record], check: str, severity: str, words: str) -> None:
    found = faults(judge(records))
    named = [v for v in found if v.check.startswith(check) and words in v.reason]
    assert named, found
    assert {(v.verdict, v.severity) for v in named} == {("wrong", severity)}
    assert {v.verdict for v in found} == {"wrong"}
    assert all(verdict.mend for verdict in found)
    assert status(found) == (2 if severity == "required" else 1)


@pytest.mark.parametrize(("texts", "severity", "words"), SPF)
def test_spf(texts: tuple[str, ...], severity: str, words: str) -> None:
    _assert_named(instead(BOUNCE, "TXT", *map(txt, texts)), "SPF", severity, words)


@pytest.mark.parametrize(("texts", "severity", "words"), DKIM)
def test_dkim(texts: tuple[str, ...], severity: str, words: str) -> None:
    _assert_named(instead(KEY.owner, "TXT", *map(txt, texts)), "DKIM", severity, words)


@pytest.mark.parametrize(("texts", "severity", "words"), DMARC)
def test_dmarc(texts: tuple[str, ...], severity: str, words: str) -> None:
    records = instead("_dmarc.shop.example", "TXT", *map(txt, texts))
    _assert_named(records, "DMARC", severity, words)


@pytest.mark.parametrize(("name", "kind", "rdatas", "check", "severity", "words"), OTHERS)
def test_others(
    name: str, kind: str, rdatas: tuple[str, ...], check: str, severity: str, words: str
) -> None:
    _assert_named(instead(name, kind, *rdatas), check, severity, words)


def test_a_break_is_told_where_it_is_and_nowhere_else() -> None:
    found = faults(judge(without(POINTER, "PTR")))
    assert [(v.check, v.about) for v in found] == [("FCrDNS of 192.0.2.12", HELO)]
    assert (
        found[0].mend == f"at the hoster of 192.0.2.12: set its PTR to {HELO}, and to nothing else"
    )
    assert FACTS.keys
