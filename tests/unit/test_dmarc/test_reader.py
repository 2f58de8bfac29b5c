"""Both formats are read, offline, and no row is left out without a word."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from postroad.watch.dmarc import reader
from postroad.watch.dmarc.model import AuthResult, Report
from postroad.watch.dmarc.reader import ParserMissingError, read_report
from postroad.watch.dmarc.unpack import RefusedError
from postroad.watch.dmarc.xml import checked
from tests.unit.test_dmarc.samples import (
    DAY,
    FORGED,
    MIDNIGHT,
    OURS,
    day,
    google,
    microsoft,
    rfc_9990,
    row,
    utc,
)


def read(text: str) -> Report:
    return read_report(checked(text.encode()))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    used: list[tuple[object, ...]] = []

    def refuse(*arguments: object, **_: object) -> None:
        # Kept as well, since parsedmarc takes a failed look-up for an answer.
        used.append(arguments)
        raise OSError("there is no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "sendto", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    assert used == []


def test_a_report_of_google_s() -> None:
    report = read(google(row(count=12), FORGED))
    assert (report.reporter, report.identifier) == ("google.com", "15830000000000000001")
    assert (report.domain, report.policy, report.subdomain_policy) == (
        "shop.example",
        "none",
        "none",
    )
    assert (report.begin, report.end) == (utc(MIDNIGHT), utc(MIDNIGHT + DAY - 1))
    own, forged = report.rows
    assert (own.source, own.messages, own.passed) == (ip_address(OURS), 12, True)
    assert own.dkim == (AuthResult("shop.example", "pass", "202611-m1"),)
    assert own.spf[0].domain == own.envelope_from == "bounce.shop.example"
    assert (forged.passed, forged.dkim, forged.envelope_from) == (False, (), "bulk.example")


def test_a_report_of_microsoft_s() -> None:
    report = read(microsoft(row(dkim="fail"), row(spf="softfail")))
    assert report.reporter == "Enterprise Outlook"
    assert [(r.dkim_aligned, r.spf_aligned) for r in report.rows] == [(False, True), (True, False)]
    assert list(report.days) == [utc(MIDNIGHT).date()]


def test_a_report_of_the_new_format() -> None:
    report = read(rfc_9990())
    assert (report.policy, report.rows[0].overrides) == ("quarantine", ("policy_test_mode",))
    assert report.rows[0].dkim[0].selector == "202611-m1"


def test_the_new_format_without_its_namespace() -> None:
    text = rfc_9990().replace(' xmlns="urn:ietf:params:xml:ns:dmarc-2.0"', "")
    assert read(text) == read(rfc_9990())


def test_names_and_results_are_made_alike() -> None:
    report = read(google(row(dkim="Pass", header_from="Shop.EXAMPLE.", signed_by="SHOP.example")))
    (only,) = report.rows
    assert (only.header_from, only.dkim_aligned) == ("shop.example", True)
    assert only.dkim == (AuthResult("shop.example", "pass", "202611-m1"),)


def test_an_address_that_is_written_as_ipv6() -> None:
    assert read(google(row(f"::ffff:{OURS}"))).rows[0].source == ip_address(OURS)


def test_who_holds_an_address_is_said_where_the_table_knows() -> None:
    own, known = read(google(row(), row("8.8.8.8"))).rows
    assert own.network is None
    assert "google" in (known.network or "").lower()


def test_a_long_report_is_not_cut_into_days() -> None:
    report = read(google(row(count=7), span=(MIDNIGHT, MIDNIGHT + 7 * DAY)))
    assert [r.messages for r in report.rows] == [7]
    assert len(list(report.days)) == 7


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (google(row(), row("no address"), row()), "1 of 3 rows"),
        (google(row(), row().replace("<count>1", "<count>one")), "1 of 2 rows"),
        (google(row().replace("<policy_evaluated>", "<x>").replace("</policy_", "</")), "no"),
        (google(row(), row().replace("policy_evaluated", "evaluated")), "1 of 2 rows"),
        (google(row(count=-5)), "counts -5"),
        (google(row(count=10**12)), "counts 1000000000000"),
        (google(row(), span=(MIDNIGHT, MIDNIGHT - DAY)), "no believable time"),
        (google(row(), span=(0, MIDNIGHT)), "no believable time"),
        (google(row(), span=(MIDNIGHT, 10**17)), "is no DMARC report"),
        (google().replace("<p>none</p>", ""), "Missing field: 'p'"),
        (google().replace("<p>none</p>", "<p>none</p><p>reject</p>"), "says twice"),
        (google().replace("report_metadata", "metadata"), "report_metadata"),
        ("<feedback/>", "is no DMARC report"),
        ("<feedback>text</feedback>", "is no DMARC report"),
        ("<feedback><record/><record/></feedback>", "is no DMARC report"),
    ],
)
def test_what_cannot_be_believed_is_refused(text: str, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        read(text)


def test_the_parser_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    reader._parsedmarc.cache_clear()
    monkeypatch.setitem(sys.modules, "parsedmarc", None)
    with pytest.raises(ParserMissingError, match=r"pip install 'postroad\[dmarc\]'"):
        read(google())


def test_days_of_a_report_that_is_not_of_a_utc_day() -> None:
    report = read(google(span=(MIDNIGHT + DAY // 2, MIDNIGHT + DAY + DAY // 2)))
    assert len(list(report.days)) == 2
    assert list(read(google(span=(MIDNIGHT, MIDNIGHT))).days) == [utc(day(0)[0]).date()]
