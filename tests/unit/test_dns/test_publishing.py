"""Publishing by its steps, and as a command, with primaries of paper."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path

import dns.name
import dns.rdataset
import dns.rdatatype
import pytest
from dns.name import Name
from dns.rdataclass import ANY, IN, NONE
from dns.update import UpdateMessage

from postroad.commands import cli, dns_publish
from postroad.commands.asking import Wanted
from postroad.dns import primaries
from postroad.dns.primary import ChangedError, PrimaryError
from postroad.dns.record import Record
from postroad.dns.records import derive
from postroad.dns.rrset import Key, RRset, answered
from postroad.settings.model import Dns, DnsZone, Estate, SecretRef
from postroad.settings.secrets import Secret

from . import estates
from .estates import MAIL1, estate

SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="


@dataclass
class Paper:
    """A primary that knows RRsets, wildcards among them, and takes updates without looking."""

    held: dict[Key, RRset] = field(default_factory=dict)
    wild: dict[Key, RRset] = field(default_factory=dict)
    fault: PrimaryError | None = None
    changes: int = 0

    def look(self, keys: Iterable[Key]) -> dict[Key, RRset]:
        if self.fault:
            raise self.fault
        everything = {**self.wild, **self.held}
        asked = [(name, at) for name, kind in keys for at in (kind, dns.rdatatype.CNAME)]
        return {key: everything[key] for key in asked if key in everything}

    def has(self, keys: Iterable[Key]) -> frozenset[Key]:
        return frozenset(key for key in keys if key in self.held)

    def served(self, names: Iterable[Name]) -> dict[Name, tuple[RRset, ...]]:
        there = {name for name, _ in self.held}
        missing = [n for n in names if not any(name.is_subdomain(n) for name in there)]
        found = {n: tuple(r for (at, _), r in self.wild.items() if at == n) for n in missing}
        return {name: rrsets for name, rrsets in found.items() if rrsets}

    def change(self, message: UpdateMessage) -> None:
        self.changes += 1
        for rrset in message.update:
            key = rrset.name, rrset.rdtype
            if rrset.deleting == ANY:
                self.held.pop(key, None)
            elif rrset.deleting == NONE:
                self._keep(key, [r for r in self.held[key].rdatas if r not in rrset])
            else:
                old = self.held[key].rdatas if key in self.held else ()
                self._keep(key, [*old, *rrset], rrset.ttl)

    def _keep(self, key: Key, rdatas: Iterable[dns.rdata.Rdata], ttl: int = 3600) -> None:
        left = tuple(rdatas)
        self.held.pop(key, None)
        if left:
            self.held[key] = RRset(*key, ttl, left)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@dataclass
class World:
    """Two zones of paper and the command over them."""

    zones: dict[str, Paper]
    run: Callable[..., int]


def declared(*zones: str) -> Estate:
    made = tuple(
        DnsZone(
            name, ip_address("192.0.2.53"), 53, "ours", "hmac-sha256", SecretRef("env", ("TSIG",))
        )
        for name in zones
    )
    return replace(estate(MAIL1), dns=Dns(resolvers=(), zones=made))


def world_of(monkeypatch: pytest.MonkeyPatch, *zones: str, gone: tuple[Record, ...] = ()) -> World:
    monkeypatch.setenv("TSIG", SECRET)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    papers = {zone: Paper() for zone in zones}
    known = declared(*zones)
    records = derive(known, estates.keys_of_mail1())
    monkeypatch.setattr(dns_publish, "wanted", lambda _: Wanted(known, records, gone, (), Path()))

    def primary(zone: DnsZone, secret: Secret) -> Paper:
        assert secret.unmask() == SECRET
        return papers[zone.name]

    monkeypatch.setattr(primaries, "Primary", primary)
    return World(papers, lambda *words: cli.main(["dns", "publish", "prod.py", *words]))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return world_of(monkeypatch, "shop.example", "2.0.192.in-addr.arpa")


def rrset(name: str, kind: str, *texts: str, ttl: int = 3600) -> tuple[Key, RRset]:
    rdataset = dns.rdataset.from_text_list(IN, kind, ttl, list(texts))
    made = answered(dns.name.from_text(name), rdataset)
    return made.key, made


def test_a_bare_zone_gets_everything_and_a_second_run_finds_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.run("--yes") == 0
    said = capsys.readouterr().out
    assert "  add     out1.shop.example  TXT  TTL 3600\n" in said
    assert "receivers check the HELO name of transactional mail" in said
    assert "RRsets added; the primary holds all of it" in said
    assert [paper.changes for paper in world.zones.values()] == [1, 1]
    assert world.run() == 0
    assert "Nothing to publish." in capsys.readouterr().out
    assert [paper.changes for paper in world.zones.values()] == [1, 1]


def test_pointers_of_no_zone_are_the_hosters(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.run("--yes") == 0
    said = capsys.readouterr().out
    assert "set PTR of 2001:db8::12 to out1.shop.example" in said
    assert "set PTR of 192.0.2.12" not in said


def test_without_a_terminal_consent_is_an_argument(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.run() == 1
    shown = capsys.readouterr()
    assert "  add " in shown.out
    assert "add --yes" in shown.err
    assert not any(paper.changes for paper in world.zones.values())


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("yes\n", 0), ("\n", 1), ("", 1)])
def test_a_terminal_is_asked(
    world: World, monkeypatch: pytest.MonkeyPatch, answer: str, status: int
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert world.run() == status
    assert bool(world.zones["shop.example"].changes) == (status == 0)


def test_what_a_wildcard_makes_does_not_stand_at_the_name(world: World) -> None:
    key, made = rrset("out1.shop.example", "TXT", '"v=spf1 -all"')
    world.zones["shop.example"].wild[key] = made
    _, alias = rrset("mail1.shop.example", "CNAME", "www.shop.example.")
    world.zones["shop.example"].wild[alias.key] = alias
    assert world.run("--yes") == 0
    assert [r.to_text() for r in world.zones["shop.example"].held[key].rdatas] == [
        '"v=spf1 ip4:192.0.2.12 ip6:2001:db8::12 -all"'
    ]


def test_a_wildcard_that_others_live_by_goes_on(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    paper = world.zones["shop.example"]
    key, mx = rrset("news.shop.example", "MX", "10 office.elsewhere.example.")
    paper.wild[key] = mx
    assert world.run("--yes") == 1
    said = capsys.readouterr().out
    assert "in the way  _dmarc.news.shop.example  TXT" in said
    assert "news.shop.example. 3600 IN MX 10 office.elsewhere.example." in said
    news = key[0]
    assert not [name for name, _ in paper.held if name.is_subdomain(news) and name != news]
    # What it says to write settles it.
    paper.held[key] = mx
    assert world.run("--yes") == 0
    assert paper.held[key] == mx


def test_addresses_that_a_wildcard_makes_are_nobodys_mail(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind, data in (("A", "203.0.113.80"), ("AAAA", "2001:db8:f::80")):
        key, made = rrset("bounce.shop.example", kind, data)
        world.zones["shop.example"].wild[key] = made
    assert world.run("--yes") == 0
    assert "a wildcard answers for bounce.shop.example now" in capsys.readouterr().out


def test_what_is_in_the_way_is_told_and_all_else_is_published(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    key, made = rrset("mail1.shop.example", "CNAME", "www.shop.example.")
    world.zones["shop.example"].held[key] = made
    assert world.run("--yes") == 1
    said = capsys.readouterr().out
    assert "stays CNAME www.shop.example." in said
    assert "not ours to replace" in said
    assert world.run("--yes") == 1
    assert "Nothing to publish." in capsys.readouterr().out


def test_a_zone_that_cannot_be_looked_at_stops_all(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.zones["shop.example"].fault = PrimaryError("it is silent")
    assert world.run("--yes") == 2
    shown = capsys.readouterr()
    assert "it is silent" in shown.err
    assert "nothing was changed" in shown.err
    assert not any(paper.changes for paper in world.zones.values())


def test_a_refused_zone_is_told_and_the_other_one_is_done(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(message: UpdateMessage) -> None:
        raise ChangedError("somebody else was faster")

    monkeypatch.setattr(world.zones["shop.example"], "change", refuse)
    assert world.run("--yes") == 1
    said = capsys.readouterr().out
    assert "shop.example: somebody else was faster" in said
    assert "2.0.192.in-addr.arpa: 3 RRsets added" in said


def test_a_primary_that_forgets_is_not_believed(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.zones["shop.example"], "change", lambda message: None)
    assert world.run("--yes") == 1
    assert "the primary does not hold all of it now: " in capsys.readouterr().out


def test_records_of_no_zone_are_told_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = world_of(monkeypatch, "news.shop.example")
    assert world.run("--yes") == 1
    said = capsys.readouterr().out
    assert 'In no zone of estate["dns"]["zones"]' in said
    assert "  mail1.shop.example  A\n" in said


def test_an_estate_without_zones_is_told_what_to_declare(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world_of(monkeypatch).run("--yes") == 1
    assert 'estate["dns"]["zones"] names no zone' in capsys.readouterr().err


def test_a_secret_that_is_not_there_is_told_by_its_source(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TSIG")
    assert world.run("--yes") == 2
    assert "environment variable TSIG is not set" in capsys.readouterr().err


def test_records_of_keys_that_are_gone_are_removed_where_they_stand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    void = '"v=DKIM1; p="'
    gone = (
        Record("202605-mail1._domainkey.shop.example", 60, "TXT", void, "mail1 has lost it"),
        Record("202605-mail1._domainkey.brand.test", 60, "TXT", void, "mail1 has lost it"),
    )
    world = world_of(monkeypatch, "shop.example", gone=gone)
    name = dns.name.from_text(gone[0].owner)
    old = answered(name, dns.rdataset.from_text("IN", "TXT", 60, void))
    world.zones["shop.example"].held[old.key] = old
    world.run("--yes")
    said = capsys.readouterr().out
    assert "remove  202605-mail1._domainkey.shop.example" in said
    assert "1 RRset removed" in said
    assert "to be removed there:\n  202605-mail1._domainkey.brand.test  TXT" in said
    assert old.key not in world.zones["shop.example"].held
    world.run("--yes")
    assert "Nothing to publish." in capsys.readouterr().out
