"""The master file says to a parser exactly what the records say."""

from __future__ import annotations

from io import StringIO

import dns.rdatatype
import dns.zone

from postroad.dns.command import run_zone
from postroad.dns.record import Record
from postroad.dns.records import derive
from postroad.dns.text import txt
from postroad.dns.zone import zone_text

from . import estates
from .estates import MAIL1, MAIL2, whole_estate

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


def everything() -> tuple[Record, ...]:
    keys = [*estates.keys_of_mail1(), *estates.keys_of_mail2()]
    return derive(whole_estate(MAIL1, MAIL2), keys, estates.CERTIFICATES)


def test_a_parser_reads_the_records_back() -> None:
    records = everything()
    assert {r.type for r in records} >= {"CAA", "CNAME", "TLSA"}
    assert parsed(zone_text(records)) == rows(records)


def test_hostile_text_stays_inside_its_string() -> None:
    nasty = Record("x.example", 60, "TXT", txt('"\\;\n( $INCLUDE /etc/passwd'), "a test")
    assert parsed(zone_text([nasty])) == rows((nasty,))


def test_each_record_stands_below_its_reason() -> None:
    records = everything()
    lines = zone_text(records).splitlines()
    assert lines[::2] == [f"; {r.why}" for r in records]
    assert not [line for line in lines[1::2] if line.startswith(";")]


def test_no_records_make_no_zone() -> None:
    assert zone_text(()) == ""


def test_the_command_writes_a_zone_that_parses_even_when_something_is_missing() -> None:
    out = StringIO()
    estate, keys = whole_estate(MAIL1, MAIL2), estates.keys_of_mail1()
    served = estates.CERTIFICATES[:1]
    run_zone(estate, keys, served, out)
    assert "; Incomplete: mail2 has no DKIM key" in out.getvalue()
    assert "; Incomplete: mail2 serves no certificate" in out.getvalue()
    assert "; Incomplete: mail1" not in out.getvalue()
    assert parsed(out.getvalue()) == rows(derive(estate, keys, served))
