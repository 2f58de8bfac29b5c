"""octoDNS itself reads what is written for it, and finds the same records."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import dns.rdata
import pytest
from dns.rdataclass import IN
from octodns.provider.yaml import YamlProvider
from octodns.zone import Zone

from postroad.commands import cli, dns_octodns
from postroad.commands.asking import Wanted
from postroad.dns.octodns import document, file_name
from postroad.dns.record import Record
from postroad.dns.records import derive
from postroad.dns.text import txt
from postroad.dns.zones import divide

from . import estates
from .estates import MAIL1, MAIL2, estate

Row = tuple[str, int, str, str]
ZONES = ("shop.example", "news.shop.example", "2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa")


def record(owner: str, kind: str, data: str, why: str = "a test") -> Record:
    return Record(owner, 60, kind, data, why)  # type: ignore[arg-type]


def rows(records: Iterable[Record]) -> set[Row]:
    """In the form that dnspython gives rdata."""
    return {
        (f"{r.owner}.", r.ttl, r.type, dns.rdata.from_text(IN, r.type, r.data).to_text())
        for r in records
    }


def read_by_octodns(folder: Path, zone: str) -> set[Row]:
    """Order enforced, nothing lenient: as octoDNS reads by default."""
    logging.getLogger("YamlProvider[test]").setLevel(logging.ERROR)
    found = Zone(f"{zone}.", [])
    YamlProvider("test", str(folder), escaped_semicolons=True).populate(found)
    rrsets = [one.to_rrset() for one in found.records]
    return {
        (one.name, one.ttl, one._type, dns.rdata.from_text(IN, one._type, text).to_text())
        for one in rrsets
        for text in one.rdatas
    }


def write(folder: Path, zone: str, records: Iterable[Record]) -> None:
    (folder / file_name(zone)).write_text(document(zone, records))


def test_octodns_reads_the_same_records(tmp_path: Path) -> None:
    records = derive(estate(MAIL1, MAIL2), [*estates.keys_of_mail1(), *estates.keys_of_mail2()])
    division = divide(records, ZONES)
    assert not division.outside
    for zone, inside in division.inside:
        assert inside, zone
        write(tmp_path, zone, inside)
        assert read_by_octodns(tmp_path, zone) == rows(inside)


def test_types_of_every_shape(tmp_path: Path) -> None:
    records = [
        record("mta-sts.shop.example", "CNAME", "www.shop.example."),
        record("shop.example", "CAA", '0 issue "ca.example; accounturi=https://ca.example/1"'),
        record("shop.example", "CAA", '0 iodef "mailto:ops@shop.example"'),
        record("_25._tcp.mail1.shop.example", "TLSA", f"3 1 1 {'ab' * 32}"),
        record("shop.example", "MX", "10 mail1.shop.example."),
        record("shop.example", "MX", "20 mail2.shop.example."),
        record("shop.example", "TXT", txt("v=DMARC1; p=none; rua=mailto:a@shop.example!1m")),
        record("long.shop.example", "TXT", txt("v=DKIM1; k=rsa; p=" + "A" * 400)),
    ]
    write(tmp_path, "shop.example", records)
    assert read_by_octodns(tmp_path, "shop.example") == rows(records)


def test_names_come_in_the_order_that_octodns_demands(tmp_path: Path) -> None:
    names = [
        "mail10",
        "mail2",
        "a",
        "mail",
        "2",
        "10",
        "mail2.b",
        "mail2b",
        "_dmarc",
        "x1y22",
        "x1y3",
    ]
    records = [record(f"{name}.shop.example", "A", "192.0.2.1") for name in names]
    write(tmp_path, "shop.example", records)
    assert len(read_by_octodns(tmp_path, "shop.example")) == len(names)


def test_each_name_stands_below_its_reasons() -> None:
    text = document("shop.example", [record("a.shop.example", "A", "192.0.2.1", "because")])
    assert text.endswith("# because\na:\n- ttl: 60\n  type: A\n  value: 192.0.2.1\n")


def test_the_closest_zone_takes_a_record_and_the_rest_is_told() -> None:
    records = [
        record("news.shop.example", "A", "192.0.2.1"),
        record("xnews.shop.example", "A", "192.0.2.1"),
        record("notshop.example", "A", "192.0.2.1"),
        record("1.2.0.192.in-addr.arpa", "PTR", "a.shop.example."),
    ]
    division = divide(records, ["shop.example", "news.shop.example"])
    assert dict(division.inside) == {
        "shop.example": (records[1],),
        "news.shop.example": (records[0],),
    }
    assert division.outside == (records[2],)
    assert division.pointers == (records[3],)


@pytest.mark.parametrize(
    ("zone", "owner"),
    [
        ("0/25.2.0.192.in-addr.arpa", "12.0/25.2.0.192.in-addr.arpa"),
        ("8/29.2.0.192.in-addr.arpa", "12.8/29.2.0.192.in-addr.arpa"),
        ("0-25.2.0.192.in-addr.arpa", "12.0-25.2.0.192.in-addr.arpa"),
        ("8-15.2.0.192.in-addr.arpa", "12.8-15.2.0.192.in-addr.arpa"),
        # Of other addresses
        ("16/28.2.0.192.in-addr.arpa", None),
        ("0/25.2.0.10.in-addr.arpa", None),
        ("13-63.2.0.192.in-addr.arpa", None),
    ],
)
def test_a_part_of_a_reverse_zone_takes_the_names_of_its_addresses(
    zone: str, owner: str | None
) -> None:
    """RFC 2317 §4: the name of each is an alias to there, which the hoster has set."""
    pointer = record("12.2.0.192.in-addr.arpa", "PTR", "a.shop.example.")
    other = record("12.2.0.192.in-addr.arpa.shop.example", "A", "192.0.2.12")
    division = divide([pointer, other], [zone])
    ((_, inside),) = division.inside
    assert [one.owner for one in inside] == ([] if owner is None else [owner])
    assert division.pointers == (() if owner else (pointer,))
    assert division.outside == (other,)


def test_the_whole_reverse_zone_comes_first() -> None:
    pointer = record("12.2.0.192.in-addr.arpa", "PTR", "a.shop.example.")
    division = divide([pointer], ["0/25.2.0.192.in-addr.arpa", "2.0.192.in-addr.arpa"])
    assert dict(division.inside)["2.0.192.in-addr.arpa"] == (pointer,)


def test_octodns_finds_the_file_of_a_part_of_a_reverse_zone(
    command: Callable[..., int], tmp_path: Path
) -> None:
    zone = "0/25.2.0.192.in-addr.arpa"
    command("--to", str(tmp_path / "new"), "--zone", zone)
    found = read_by_octodns(tmp_path / "new", zone)
    assert ("12.0/25.2.0.192.in-addr.arpa.", 3600, "PTR", "out1.shop.example.") in found


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """`postroad dns octodns` for an estate of paper."""
    declared = estate(MAIL1)
    records = derive(declared, estates.keys_of_mail1())
    known = Wanted(declared, records, (), (), Path())
    monkeypatch.setattr(dns_octodns, "wanted", lambda inventory: known)
    return lambda *words: cli.main(["dns", "octodns", "prod.py", *words])


def test_a_folder_gets_one_file_a_zone(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "folder"
    assert command("--to", str(folder), "--zone", "shop.example.") == 0
    assert [place.name for place in folder.iterdir()] == ["shop.example.yaml"]
    shown = capsys.readouterr()
    assert shown.out == f"{folder}/shop.example.yaml\n"
    assert "set PTR of 192.0.2.12 to out1.shop.example" in shown.err


def test_one_zone_goes_to_standard_output(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--zone", "shop.example") == 0
    (tmp_path / "shop.example.yaml").write_text(capsys.readouterr().out)
    assert read_by_octodns(tmp_path, "shop.example")


def test_a_zone_may_be_one_of_records_alone(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """As _dmarc is, where it is delegated: estate["dns"]["zones"] takes it as well."""
    assert command("--zone", "_dmarc.shop.example") == 1
    assert "TXT" in capsys.readouterr().out


def test_records_of_no_zone_are_told_by_name(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--zone", "news.shop.example") == 1
    assert "  mail1.shop.example  A\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Add --zone NAME"),
        (("--zone", "a.example", "--zone", "b.example"), "2 zones make 2 files: add --to FOLDER"),
    ],
)
def test_what_is_not_clear_is_asked(
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    told: str,
) -> None:
    assert command(*words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert told in shown.err


def test_a_zone_that_is_no_name(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command("--zone", "../etc")
    assert ended.value.code == 2
    assert '"../etc" is no domain name' in capsys.readouterr().err
