"""`postroad dns check` in the lab: all is ok, then each record is broken in turn and named."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import dns.name
import pytest

from lab import control, road
from lab.dns import Record
from lab.session import Lab
from postroad.dns.check import list_data
from postroad.dns.check.checks import Facts, checks
from postroad.dns.check.list_data import DnsList
from postroad.dns.check.lists import TEST_ENTRIES, entry
from postroad.dns.check.run import look
from postroad.dns.check.verdict import Verdict
from postroad.dns.check.web import fetch
from postroad.dns.dkim import LiveKey
from postroad.live import connected, live_keys
from postroad.settings.model import Estate

pytestmark = pytest.mark.skip(
    reason="the lab's estate announces MTA-STS policies, and no web host in the lab serves them yet"
)


@dataclass(frozen=True)
class Mutation:
    """One break: what stands at a name instead, the check that names it, and how."""

    name: str
    kind: str
    rdatas: tuple[str, ...]
    check: str
    severity: str
    words: str


@dataclass(frozen=True)
class Names:
    """The names and values that a table of mutations is written with."""

    estate: Estate
    keys: tuple[LiveKey, ...]

    def key(self, host: str, stream: str) -> LiveKey:
        return next(key for key in self.keys if (key.host, key.stream) == (host, stream))


def txt(value: str) -> str:
    pieces = [value[start : start + 255] for start in range(0, max(len(value), 1), 255)]
    return " ".join(f'"{piece}"' for piece in pieces)


@pytest.fixture(scope="module")
def names(deployed: Lab) -> Names:
    with connected(control.CLONE / road.INVENTORY) as (loaded, sites):
        return Names(loaded.estate, live_keys(sites))


Zones = dict[str, list[Record]]


@pytest.fixture
def published(deployed: Lab) -> Iterator[Zones]:
    """The zones of the shop as they are good; they are so again afterwards."""
    ours = [zone for zone in deployed.dns.zones() if zone.endswith(("shop.example.", ".arpa."))]
    good = {zone: deployed.dns.dump(zone) for zone in ours}
    yield good
    deployed.dns.load_zones(good)


@pytest.fixture(scope="module")
def lists(deployed: Lab) -> Iterator[Zones]:
    """The DNS lists of the world, with nothing but their test entries; gone afterwards."""
    zones = {f"{one.zone}.": _test_entries(one) for one in list_data.read()}
    deployed.dns.load_zones(zones)
    yield zones
    for zone in zones:
        deployed.dns.remove_zone(zone)


def _test_entries(one: DnsList) -> list[Record]:
    tests = [ip_address(TEST_ENTRIES[family][0]) for family in one.families]
    return [(f"{entry(address, one.zone)}.", 1, "A", "127.0.0.2") for address in tests]


def spf_table(names: Names) -> list[list[Mutation]]:
    """Breaks of SPF; the lists are of different names, so that one of each goes at a time."""
    out, news = (names.estate.host("mail1").way_out(s) for s in ("transactional", "marketing"))
    both = {"bounce.shop.example": out, "bounce.news.shop.example": news}
    lists = []
    for domain, way in both.items():
        own = f"ip4:{way.ipv4} ip6:{way.ipv6} ip4:{names.estate.host('mail2').ipv4}"
        own = f"{own} ip6:{names.estate.host('mail2').ipv6}"
        lists.append(_spf(domain, own))
    half = len(lists[0]) // 2
    return [lists[0][:half], lists[1][half:]]


def _spf(domain: str, own: str) -> list[Mutation]:
    lookups = " ".join(f"a:mail1.shop.example/{n}" for n in range(21, 32))
    voids = " ".join(f"a:v{n}.shop.example" for n in range(3))
    return [
        Mutation(domain, "TXT", tuple(map(txt, texts)), "SPF", severity, words)
        for texts, severity, words in [
            ((), "required", "has no SPF record"),
            ((f"v=spf1 {own} ~all", "v=spf1 mx ~all"), "required", "Two or more"),
            ((f" v=spf1 {own} ~all",), "required", "does not begin with exactly v=spf1"),
            (("v=spf1 +all",), "required", "lets every address pass"),
            ((f"v=spf1 {own} ?all",), "recommended", "says nothing about other addresses"),
            (("v=spf1 ip4:198.51.100.1 ~all",), "required", "does not name"),
            (("v=spf1 -all",), "required", "refuses"),
            ((re.sub(r"ip6:\S+", "", f"v=spf1 {own} ~all"),), "required", "does not name fd77:"),
            ((f"v=spf1 {lookups} {own} ~all",), "required", "Too many DNS lookups"),
            ((f"v=spf1 {own} {lookups} ~all",), "recommended", "ends in an error"),
            ((f"v=spf1 {voids} {own} ~all",), "required", "more than 2 empty answers"),
            ((f"v=spf1 {own} ptr ~all",), "recommended", "uses ptr"),
            ((f"v=spf1 {own} ip4:192.168.0.0/16 ~all",), "recommended", "no receiver ever sees"),
            ((f"v=spf1 ipv4:192.0.2.1 {own} ~all",), "required", "with an error"),
            (("v=spf1 include:nobody.example ~all",), "required", "No valid SPF record"),
            (
                # As tutorials have it: providers that never send for this domain.
                (f"v=spf1 include:spf.protection.outlook.com include:mailgun.org {own} -all",),
                "required",
                "No valid SPF record",
            ),
            ((f"v=spf1 {own}~all",), "required", "with an error"),
            (("v=spf1 " + "ip4:198.51.100.1 " * 30 + own + " ~all",), "recommended", "octets"),
        ]
    ]


def dkim_table(names: Names) -> list[list[Mutation]]:
    """Breaks of key records, split over the keys of two hosts."""
    other = names.key("mail2", "marketing").public_key_base64
    lists = []
    for host, stream in (("mail1", "transactional"), ("mail1", "marketing")):
        key = names.key(host, stream)
        p = key.public_key_base64
        table = [
            ((), "there is no DKIM key"),
            ((f"v=DKIM1; k=rsa; p={other}",), "another key"),
            (("v=DKIM1; p=",), "revoked"),
            ((f"v=DKIM1; t=y; p={p}",), "test mode"),
            ((f"v=DKIM1; p={p[:200]}",), "cut off"),
            ((f'\\"v=DKIM1; p={p[:190]}',), "quotation marks"),
            ((f"v=DKIM1; p={p}", "v=DKIM1; p="), "2 TXT records"),
            ((f"v=DKIM1; k=ed25519; p={p}",), "another kind of key"),
            ((f"v=DKIM1; h=sha1; p={p}",), "does not allow sha256"),
            ((f"k=rsa; v=DKIM1; p={p}",), "does not begin with v=DKIM1"),
        ]
        lists.append(
            [
                Mutation(key.owner, "TXT", tuple(map(txt, texts)), "DKIM", "required", words)
                for texts, words in table
            ]
        )
    half = len(lists[0]) // 2
    return [lists[0][:half], lists[1][half:]]


def dmarc_table(names: Names) -> list[list[Mutation]]:
    """Breaks of policies, split over two domains."""
    rua = f"rua=mailto:{names.estate.dmarc.reports}"
    table = [
        ((f"v=DMARC1; p=none; {rua}", f"v=DMARC1; p=reject; {rua}"), "required", "2 DMARC records"),
        ((f"p=none; v=DMARC1; {rua}",), "required", "does not begin with v=DMARC1"),
        ((f"v=DMARC1; p=qarantine; {rua}",), "required", "not a policy"),
        # As tutorials have it: every sub-domain may be forged.
        (
            (f"v=DMARC1; p=quarantine; {rua}; ruf=mailto:d@shop.example; pct=100; sp=none",),
            "recommended",
            "sub-domains are",
        ),
        ((f"v=DMARC1; p=none; pct=50; {rua}",), "recommended", "has pct="),
        ((f"v=DMARC1; p=reject; t=y; {rua}",), "recommended", "test mode"),
        ((f"v=DMARC1; p=none; aspf=s; {rua}",), "recommended", "SPF counts for nothing"),
        (("v=DMARC1; p=none",), "recommended", "sends no reports"),
        ((f"v=DMARC1; p=none; {rua},mailto:d@nobody.example",), "recommended", "has not agreed"),
    ]
    first = [((), "required", "has no DMARC record")]
    return [
        [
            Mutation(f"_dmarc.{domain}", "TXT", tuple(map(txt, texts)), "DMARC", severity, words)
            for texts, severity, words in part
        ]
        for domain, part in (
            ("shop.example", [*first, *table[:4]]),
            ("news.shop.example", table[4:]),
        )
    ]


def address_table(names: Names) -> list[list[Mutation]]:
    """Breaks of what HELO names, pointers and MX are."""
    way = names.estate.host("mail1").way_out("marketing")
    assert way.ipv4 is not None
    assert way.ipv6 is not None
    four, six, helo = way.ipv4.reverse_pointer, way.ipv6.reverse_pointer, way.helo
    mx = "bounce.shop.example"
    check4, check6 = f"FCrDNS of {way.ipv4}", f"FCrDNS of {way.ipv6}"
    return [
        [
            Mutation(four, "PTR", (), check4, "required", "has no PTR"),
            Mutation(four, "PTR", ("x.nobody.example.",), check4, "required", "not news1"),
            Mutation(four, "PTR", ("x.example.", f"{helo}."), check4, "recommended", "2 PTR"),
        ],
        [Mutation(six, "PTR", (), check6, "required", "has no PTR")],
        [
            Mutation("mail2.shop.example", "A", (), "addresses", "required", "no A record"),
            Mutation("mail2.shop.example", "A", ("192.0.2.7",), "addresses", "required", "but to"),
            Mutation("mail2.shop.example", "AAAA", ("::7",), "addresses", "required", "but to ::7"),
            Mutation("mail2.shop.example", "TXT", (), "SPF of HELO", "required", "has no SPF"),
        ],
        [
            Mutation(mx, "MX", (), "MX", "required", "has no MX"),
            Mutation(mx, "MX", ("0 .",), "MX", "required", "null MX"),
            Mutation(mx, "MX", ("10 mx.bigmail.example.",), "MX", "required", "no inbound host"),
            Mutation(mx, "MX", ("10 nobody.shop.example.",), "MX", "required", "has no address"),
        ],
    ]


def rounds(names: Names) -> Iterator[list[Mutation]]:
    """One mutation of each list at a time: they are of different names."""
    lists = [
        list(part)
        for table in (spf_table, dkim_table, dmarc_table, address_table)
        for part in table(names)
    ]
    while any(lists):
        yield [part.pop() for part in lists if part]


def judged(names: Names) -> list[Verdict]:
    facts = Facts(names.keys, ())
    return look(checks(names.estate, facts, fetch), names.estate.dns.resolvers)


def test_all_is_ok_and_the_command_says_so(deployed: Lab, lists: Zones, tmp_path: Path) -> None:
    done = check("--json", str(tmp_path / "found.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert {entry["verdict"] for entry in found} == {"ok"}
    assert done.stdout == f"{len(found)} ok, 0 wrong (0 required), 0 unknown\n"


def test_a_listing_is_told_and_a_refusal_is_unknown(deployed: Lab, lists: Zones) -> None:
    address = deployed.targets["mail1"].ipv4[1]
    ours = f"{entry(ip_address(address), 'bl.spamcop.net')}."
    refusal = ("*.zen.spamhaus.org.", 1, "A", "127.255.255.254")
    everybody = ("*.psbl.surriel.com.", 1, "A", "127.0.0.2")
    deployed.dns.load_zones(
        {
            "bl.spamcop.net.": [*lists["bl.spamcop.net."], (ours, 1, "A", "127.0.0.2")],
            "zen.spamhaus.org.": [refusal],
            "psbl.surriel.com.": [everybody],
        }
    )
    done = check()
    deployed.dns.load_zones(lists)
    assert done.returncode == 1
    said = done.stdout
    assert f"{address} is listed by SpamCop: reported by its users" in said
    assert "zen.spamhaus.org is not believed: it refuses, because the question came" in said
    assert "psbl.surriel.com is not believed: it lists what no list may list" in said
    assert "wrong (required)" not in said


def test_only_what_changed_is_told(
    deployed: Lab, published: Zones, lists: Zones, tmp_path: Path
) -> None:
    place = tmp_path / "found.json"
    assert check("--json", str(place), "--since", str(place)).stdout == "nothing changed\n"
    deployed.dns.withdraw("_dmarc.shop.example.")
    broken = check("--json", str(place), "--since", str(place))
    assert broken.returncode == 2
    assert "shop.example has no DMARC record" in broken.stdout
    assert "mend: publish _dmarc.shop.example. 60 IN TXT" in broken.stdout
    again = check("--since", str(place))
    assert (again.returncode, again.stdout) == (0, "nothing changed\n")


def check(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "postroad", "dns", "check", str(road.INVENTORY), *options],
        cwd=control.CLONE,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_each_break_is_named(deployed: Lab, published: Zones, names: Names) -> None:
    table = list(rounds(names))
    assert sum(map(len, table)) >= 40
    missed = []
    for mutations in table:
        deployed.dns.load_zones(mutated(published, mutations))
        found = [verdict for verdict in judged(names) if verdict.verdict != "ok"]
        missed += [(m, found) for m in mutations if not any(names_it(m, v) for v in found)]
        assert {verdict.verdict for verdict in found} == {"wrong"}, found
    assert missed == []


def names_it(mutation: Mutation, verdict: Verdict) -> bool:
    return (
        verdict.check.startswith(mutation.check)
        and verdict.severity == mutation.severity
        and mutation.words in verdict.reason
    )


def mutated(zones: Zones, mutations: list[Mutation]) -> Zones:
    """The zones with every mutation in place of what it breaks."""
    broken = {(dns.name.from_text(m.name), m.kind) for m in mutations}
    kept = {
        zone: [r for r in rows if (dns.name.from_text(r[0]), r[2]) not in broken]
        for zone, rows in zones.items()
    }
    for mutation in mutations:
        zone = _zone_of(mutation.name, kept)
        rows = [(f"{mutation.name}.", 60, mutation.kind, rdata) for rdata in mutation.rdatas]
        kept[zone] += rows
    return kept


def _zone_of(name: str, zones: Zones) -> str:
    return max((zone for zone in zones if f".{name}.".endswith(f".{zone}")), key=len)
