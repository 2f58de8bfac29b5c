"""`postroad dns check` in the lab: all is ok, then each record is broken in turn and named."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import checkdmarc.utils
import dns.name
import pytest
from checkdmarc.dmarc import check_dmarc
from checkdmarc.smtp_tls_reporting import check_smtp_tls_reporting
from checkdmarc.spf import check_spf

from lab.hosts import here, machine
from lab.hosts.network import RESOLVER
from lab.life.session import Lab
from lab.mail import road
from lab.world import web
from lab.world.zone_text import Record
from postroad.dns.check import list_data
from postroad.dns.check.checks import Facts, checks
from postroad.dns.check.lists import entry
from postroad.dns.check.mta_sts import PATH as POLICY
from postroad.dns.check.run import look
from postroad.dns.check.verdict import Verdict
from postroad.dns.check.web import fetcher
from postroad.dns.dkim import LiveKey
from postroad.dns.mta_sts import policy_host
from postroad.dns.tlsa import LiveCertificate
from postroad.roles.run.live import connected, live_certificates, live_keys
from postroad.settings.model import Estate


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
    certificates: tuple[LiveCertificate, ...]
    root: str | None

    def key(self, host: str, stream: str) -> LiveKey:
        return next(key for key in self.keys if (key.host, key.stream) == (host, stream))


def txt(value: str) -> str:
    pieces = [value[start : start + 255] for start in range(0, max(len(value), 1), 255)]
    return " ".join(f'"{piece}"' for piece in pieces)


@pytest.fixture(scope="module")
def names(deployed: Lab) -> Names:
    with connected(here.CLONE / road.INVENTORY) as (loaded, sites):
        return Names(
            loaded.estate, live_keys(sites), live_certificates(sites), str(deployed.acme_ca)
        )


Zones = dict[str, list[Record]]


@pytest.fixture
def published(deployed: Lab) -> Iterator[Zones]:
    """The zones of the shop as they are good; they are so again afterwards."""
    ours = [zone for zone in deployed.dns.zones() if zone.endswith(("shop.example.", ".arpa."))]
    good = {zone: deployed.dns.dump(zone) for zone in ours}
    yield good
    deployed.dns.load_zones(good)


@pytest.fixture
def lists(deployed: Lab) -> Iterator[Zones]:
    """The DNS lists of the world, for a test that changes them."""
    zones = {f"{one.zone}.": deployed.dns.dump(f"{one.zone}.") for one in list_data.read()}
    yield zones
    deployed.dns.load_zones(zones)


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


def transport_table(names: Names) -> list[list[Mutation]]:
    """Breaks of what tells others about TLS, and of the links in bulk mail."""
    bounce, news = "bounce.shop.example", "bounce.news.shop.example"
    unsubscribe = "unsubscribe.news.shop.example"
    other = txt("v=TLSRPTv1; rua=mailto:tls@nobody.example")
    served = names.certificates[0]
    tlsa, reversed_digest = "_25._tcp.mail1.shop.example", served.spki_sha256[::-1]
    none, strangers = "no TLSA record for port 25", "no TLSA record at"
    return [
        [
            Mutation(f"_mta-sts.{bounce}", "TXT", rdatas, "MTA-STS record", "required", words)
            for rdatas, words in [
                ((), "has no MTA-STS record"),
                ((txt("v=STSv1; id=1"), txt("v=STSv1; id=2")), "has 2 MTA-STS records"),
                ((txt("v=STSv1; id=2026-11-24"),), "is not 1 to 32 letters and digits"),
            ]
        ],
        [
            Mutation(policy_host(news), "CNAME", (), "MTA-STS policy", "required", "has no addr"),
            Mutation(
                policy_host(news),
                "CNAME",
                (f"{policy_host('nobody.example')}.",),
                "MTA-STS policy",
                "required",
                "has no address",
            ),
        ],
        [
            Mutation(f"_smtp._tls.{news}", "TXT", rdatas, "TLS reports", "recommended", words)
            for rdatas, words in [
                ((), "has no TLS reporting record"),
                ((other,), "sends no reports to"),
                ((txt("v=TLSRPTv1 rua"),), "is no list of tag=value pairs"),
            ]
        ],
        [
            Mutation(tlsa, "TLSA", (), "TLSA", "recommended", none),
            Mutation(tlsa, "TLSA", (f"3 1 1 {reversed_digest}",), "TLSA", "required", strangers),
            # A certificate of some authority, as for web servers: RFC 7672 3.1.3 has no use for it.
            Mutation(tlsa, "TLSA", (f"1 1 1 {served.spki_sha256}",), "TLSA", "required", strangers),
        ],
        [
            Mutation("mail1.shop.example", "CAA", rdatas, "CAA", severity, words)
            for rdatas, severity, words in [
                ((), "recommended", "every authority may issue"),
                (('0 issue "other.example"',), "required", "lets other.example issue"),
                (('0 issue ";"',), "required", "lets nobody issue"),
            ]
        ],
        [
            Mutation(unsubscribe, "CNAME", (), "unsubscribe links", "required", "has no address"),
        ],
        [
            Mutation("mail1.shop.example", "TXT", rdatas, "SPF of nobody", "recommended", words)
            for rdatas, words in [
                ((), "sends nothing, and SPF of it says none"),
                ((txt("v=spf1 mx ~all"),), "says softfail"),
            ]
        ],
    ]


def rounds(names: Names) -> Iterator[list[Mutation]]:
    """One mutation of each list at a time: they are of different names."""
    lists = [
        list(part)
        for table in (spf_table, dkim_table, dmarc_table, address_table, transport_table)
        for part in table(names)
    ]
    while any(lists):
        yield [part.pop() for part in lists if part]


def judged(names: Names) -> list[Verdict]:
    facts = Facts(names.keys, (), names.certificates)
    asked = checks(names.estate, facts, fetcher(names.root))
    return look(asked, names.estate.dns.resolvers)


def test_all_is_ok_and_the_command_says_so(deployed: Lab, tmp_path: Path) -> None:
    done = check("--json", str(tmp_path / "found.json"))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
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
    road.forget_names(deployed)
    done = check()
    assert done.returncode == 1, done.stdout
    said = done.stdout
    assert f"{address} is listed by SpamCop: reported by its users" in said
    assert "zen.spamhaus.org is not believed: it refuses, because the question came" in said
    assert "psbl.surriel.com is not believed: it lists what no list may list" in said
    assert "wrong (required)" not in said


def test_a_signer_that_is_dead_is_told(deployed: Lab) -> None:
    host = deployed.hosts["mail1"]
    host.run("systemctl stop postroad-dkim@marketing.service")
    done = check()
    host.run("systemctl start postroad-dkim@marketing.service")
    assert done.returncode == 2
    assert "the marketing signer of mail1, given a message from news.shop.example:" in done.stdout
    assert "1 wrong (1 required), 0 unknown" in done.stdout


def test_only_what_changed_is_told(deployed: Lab, published: Zones, tmp_path: Path) -> None:
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
        cwd=here.CLONE,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_each_break_is_named(deployed: Lab, published: Zones, names: Names) -> None:
    table = list(rounds(names))
    assert sum(map(len, table)) >= 40
    missed, unseen = [], set()
    for mutations in table:
        deployed.dns.load_zones(mutated(published, mutations))
        found = [verdict for verdict in judged(names) if verdict.verdict != "ok"]
        missed += [(m, found) for m in mutations if not any(names_it(m, v) for v in found)]
        assert {verdict.verdict for verdict in found} == {"wrong"}, found
        unseen |= {m.words for m in mutations if objections(deployed, m.check, m.name) == []}
    assert missed == []
    assert unseen == BEYOND_CHECKDMARC


# What an independent judge cannot know, since it knows no estate, or does not look at.
BEYOND_CHECKDMARC = {
    # The addresses that mail leaves from, where reports are read, and what is in an envelope.
    "does not name",
    "does not name fd77:",
    "refuses",
    "sends no reports to",
    "SPF counts for nothing",
    # What a valid record gives away.
    "lets every address pass",
    "says nothing about other addresses",
    "no receiver ever sees",
    "test mode",
}


def objections(lab: Lab, check: str, name: str) -> list[str] | None:
    """What checkdmarc holds against a record; None where it does not know this kind."""
    found = asked_of_checkdmarc(lab, check, name)
    if found is None:
        return None
    fault = [found["error"]] if not found["valid"] else []
    # A stage that the operator has chosen is no fault.
    return fault + [words for words in found["warnings"] if "p tag value of none" not in words]


def asked_of_checkdmarc(lab: Lab, check: str, name: str) -> dict[str, Any] | None:
    # It keeps what it has heard for half an hour.
    checkdmarc.utils.DNS_CACHE.clear()
    resolvers = [lab.network.ipv4(RESOLVER)]
    if check.startswith("SPF"):
        return dict(check_spf(name, nameservers=resolvers))
    if check == "DMARC":
        return dict(check_dmarc(name.removeprefix("_dmarc."), nameservers=resolvers))
    if check == "TLS reports":
        domain = name.removeprefix("_smtp._tls.")
        return dict(check_smtp_tls_reporting(domain, nameservers=resolvers))
    return None


def test_checkdmarc_agrees_that_all_is_well(deployed: Lab, names: Names, tmp_path: Path) -> None:
    """It has read nothing of ours. Web hosts it finds by the machine's resolver, and its roots."""
    streams = names.estate.streams
    envelopes = [stream.envelope_domain for stream in streams]
    helos = {way.helo for host in names.estate.hosts for way in host.ways_out}
    conf = tmp_path / "resolv.conf"
    conf.write_text(f"nameserver {deployed.network.ipv4(RESOLVER)}\n")
    judge = Path(sys.executable).with_name("checkdmarc")
    within = f"mount --bind {conf} /etc/resolv.conf && exec {judge}"
    alone = ["unshare", "--mount", "sh", "-c", f'{within} "$@"', "-", *envelopes]
    done = subprocess.run(
        machine.in_own_root(alone),
        env={**os.environ, "REQUESTS_CA_BUNDLE": str(deployed.acme_ca)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for one in json.loads(done.stdout):
        assert one["dnssec"] is True
        assert one["mx"]["warnings"] == one["mta_sts"]["warnings"] == []
        assert one["mta_sts"]["valid"], one["mta_sts"]
        assert len(one["mx"]["hosts"]) == len(names.estate.inbound_hosts)
        assert all(len(host["tlsa"]) == 1 for host in one["mx"]["hosts"])
    for check, domains in {
        "SPF": [*envelopes, *helos, *(host.hostname for host in names.estate.hosts)],
        "DMARC": [f"_dmarc.{domain}" for domain in (*names.estate.from_domains, *envelopes)],
        "TLS reports": [f"_smtp._tls.{domain}" for domain in envelopes],
    }.items():
        for domain in domains:
            assert objections(deployed, check, domain) == [], domain


SITE = policy_host("bounce.shop.example")


@pytest.fixture
def served(deployed: Lab) -> Iterator[str]:
    """A policy as it is served; it is so again afterwards."""
    good = deployed.web.read(SITE, POLICY)
    yield good
    deployed.web.serve(SITE, POLICY, good)


@pytest.mark.parametrize(
    ("old", "new", "severity", "words"),
    [
        ("STSv1", "STSv2", "required", "has no version: STSv1"),
        ("mode: testing", "mode: none", "required", "mode is none, declared is testing"),
        ("mx: mail1", "mx: mx", "required", "does not name the MX mail1.shop.example"),
        ("max_age: ", "max_age: x", "required", "max_age is x"),
        ("max_age: ", "max_age: 60 #", "required", "max_age is 60 #"),
        ("max_age: 1209600", "max_age: 60", "recommended", "nobody keeps it"),
    ],
)
def test_a_wrong_policy_is_named(
    deployed: Lab, names: Names, served: str, old: str, new: str, severity: str, words: str
) -> None:
    assert old in served
    deployed.web.serve(SITE, POLICY, served.replace(old, new))
    told = of_web(names)
    assert [(v.verdict, v.severity) for v in told] == [("wrong", severity)]
    assert words in told[0].reason


def test_a_policy_that_is_not_there_is_named(deployed: Lab, names: Names, served: str) -> None:
    deployed.web.withdraw(SITE, POLICY)
    (told,) = of_web(names)
    assert (told.verdict, told.severity) == ("wrong", "required")
    assert "it answers 404" in told.reason


def test_a_certificate_of_another_name_is_named(deployed: Lab, names: Names) -> None:
    place, other = (f"/etc/nginx/sites/{site}.pem" for site in (SITE, web.SITES[1]))
    host = deployed.hosts["app"]
    host.run(f"cp -p {place} {place}.kept && cp -p {other} {place}")
    (told,) = of_web(names)
    host.run(f"mv {place}.kept {place}")
    assert (told.verdict, told.severity) == ("wrong", "required")
    assert "its certificate is refused: Hostname mismatch" in told.reason


def test_an_authority_that_nobody_knows_is_named(names: Names) -> None:
    told = of_web(replace(names, root=None))
    assert {(v.check, v.verdict) for v in told} == {
        ("MTA-STS policy", "wrong"),
        ("unsubscribe links", "wrong"),
    }
    assert all("its certificate is refused" in verdict.reason for verdict in told)


def test_a_web_host_that_is_down_is_unknown(deployed: Lab, names: Names) -> None:
    host = deployed.hosts["app"]
    host.run("systemctl stop nginx.service")
    told = of_web(names)
    host.run("systemctl start nginx.service")
    assert {(v.check, v.verdict) for v in told} == {
        ("MTA-STS policy", "unknown"),
        ("unsubscribe links", "unknown"),
    }


def of_web(names: Names) -> list[Verdict]:
    """What is not ok of all that is asked of web hosts."""
    asked = [
        one
        for one in checks(names.estate, Facts(names.keys, ()), fetcher(names.root))
        if one.check in ("MTA-STS policy", "unsubscribe links")
    ]
    return [v for v in look(asked, names.estate.dns.resolvers) if v.verdict != "ok"]


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
