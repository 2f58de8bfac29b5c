"""The master file says to a parser exactly what the records say; the work order tells a person."""

from __future__ import annotations

from io import StringIO

import dns.rdatatype
import dns.zone

from postroad.dns.command import run, run_zone
from postroad.dns.dmarc import authorisations_by_others
from postroad.dns.record import Record
from postroad.dns.records import derive
from postroad.dns.text import txt
from postroad.dns.zone import work_order, zone_text

from . import estates
from .estates import MAIL1, MAIL2, estate

Row = tuple[str, int, str, str]


def rows(records: tuple[Record, ...]) -> set[Row]:
    return {(f"{r.owner}.", r.ttl, r.type, r.data) for r in records}


def parsed(text: str) -> set[Row]:
    # No default TTL, and an origin that would show on any name that is not absolute.
    zone = dns.zone.from_text(
        f"$ORIGIN not-absolute.invalid.\n{text}", origin=".", relativize=False, check_origin=False
    )
    return {
        (name.to_text(), ttl, dns.rdatatype.to_text(rdata.rdtype), rdata.to_text())
        for name, ttl, rdata in zone.iterate_rdatas()
    }


def both_hosts() -> tuple[Record, ...]:
    keys = [*estates.keys_of_mail1(), *estates.keys_of_mail2()]
    return derive(estate(MAIL1, MAIL2), keys)


def test_a_parser_reads_the_records_back() -> None:
    records = both_hosts()
    assert {r.type for r in records} == {"A", "AAAA", "MX", "PTR", "TXT"}
    assert parsed(zone_text(records)) == rows(records)


def test_hostile_text_stays_inside_its_string() -> None:
    nasty = Record("x.example", 60, "TXT", txt('"\\;\n( $INCLUDE /etc/passwd'), "a test")
    assert parsed(zone_text([nasty])) == rows((nasty,))


def test_each_record_stands_below_its_reason() -> None:
    records = both_hosts()
    lines = zone_text(records).splitlines()
    assert lines[::2] == [f"; {r.why}" for r in records]
    assert not [line for line in lines[1::2] if line.startswith(";")]


def test_the_work_order_sends_pointers_to_the_hoster() -> None:
    hoster, zones = work_order(both_hosts()).split("In your own zones")
    assert "set PTR of 192.0.2.12 to out1.shop.example\n" in hoster
    assert "set PTR of 2001:db8::12 to out1.shop.example\n" in hoster
    assert "PTR" not in zones
    assert "arpa" not in zones


def test_the_work_order_holds_every_record() -> None:
    records = both_hosts()
    order = work_order(records)
    for record in records:
        if record.type != "PTR":
            assert f"  {record.owner}  {record.type}  TTL 3600\n      {record.data}\n" in order
        assert record.why in order


def test_the_work_order_asks_others_only_where_there_is_something_to_ask() -> None:
    assert "zones of others" not in work_order(both_hosts())
    by_others = authorisations_by_others(estate(MAIL1, reports="x@reports.test"))
    order = work_order(both_hosts(), by_others)
    assert "shop.example._report._dmarc.reports.test  TXT" in order.split("In zones of others")[1]


def test_no_records_make_no_order() -> None:
    assert work_order(()) == ""
    assert zone_text(()) == ""


def test_the_command_writes_a_work_order_and_names_what_is_missing() -> None:
    out = StringIO()
    run(estate(MAIL1, MAIL2), estates.keys_of_mail1(), out)
    assert "set PTR of 198.51.100.21 to mail2.shop.example" in out.getvalue()
    assert "mail2 has no DKIM key for marketing mail of news.shop.example yet" in out.getvalue()
    assert "mail1 has no DKIM key" not in out.getvalue()


def test_the_command_writes_a_zone_that_parses_even_when_keys_are_missing() -> None:
    out = StringIO()
    keys = estates.keys_of_mail1()
    run_zone(estate(MAIL1, MAIL2), keys, out)
    assert "; Incomplete: mail2 has no DKIM key" in out.getvalue()
    assert parsed(out.getvalue()) == rows(derive(estate(MAIL1, MAIL2), keys))
