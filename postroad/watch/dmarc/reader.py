"""The edge to parsedmarc, which knows both formats and reporters' habits (RFC 7489, RFC 9990).

parsedmarc leaves out, with a line in a log, each row that it cannot read: the rows are counted
against those that the XML has, since advice on half of a report would be wrong without a word. It
runs offline: it asks no DNS server and downloads nothing; who holds an address comes from the
table in its package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import IPv6Address, ip_address
from typing import Any

from postroad.settings.model import Address
from postroad.watch.dmarc.model import AuthResult, Report, Row
from postroad.watch.dmarc.unpack import RefusedError
from postroad.watch.dmarc.xml import Xml

# RFC 9990: a report tells of a day or so. A span of years would make days look covered.
_LONGEST = timedelta(days=31)
_MOST_MESSAGES = 10**9
# A report of a longer span than this would be cut into days, its messages shared out by guess.
_NEVER_CUT_HOURS = 1e9
_TIME = "%Y-%m-%d %H:%M:%S"

_Parsed = Mapping[str, Any]


class ParserMissingError(Exception):
    """parsedmarc is not installed; the message says how to."""


def read_report(xml: Xml) -> Report:
    """The report in ``xml``.

    RefusedError where it is no DMARC report, or one of its rows cannot be read.
    ParserMissingError where the extra that brings parsedmarc is not installed.
    """
    parsed = _parse(xml.text)
    begin, end = _span(parsed["report_metadata"])
    published = parsed["policy_published"]
    rows = tuple(_row(record) for record in parsed["records"])
    if len(rows) != xml.records:
        raise RefusedError(f"has {xml.records - len(rows)} of {xml.records} rows that are broken")
    return Report(
        reporter=_word(parsed["report_metadata"]["org_name"]),
        identifier=_word(parsed["report_metadata"]["report_id"]),
        domain=_name(published["domain"]),
        policy=_word(published["p"]).lower(),
        subdomain_policy=_word(published["sp"]).lower(),
        begin=begin,
        end=end,
        rows=rows,
    )


@cache
def _parsedmarc() -> tuple[Any, Any]:
    """The library and how it is to work: imported late, since it is an extra and takes a second."""
    try:
        import parsedmarc
        from parsedmarc.config import ParserConfig
    except ImportError as error:
        raise ParserMissingError(
            f"reports are read with parsedmarc, which is not there ({error}):"
            " pip install 'postroad[dmarc]'"
        ) from error
    config = ParserConfig(
        offline=True,
        always_use_local_files=True,
        normalize_timespan_threshold_hours=_NEVER_CUT_HOURS,
    )
    return parsedmarc, config


def _parse(text: str) -> _Parsed:
    parsedmarc, config = _parsedmarc()
    try:
        parsed: _Parsed = parsedmarc.parse_aggregate_report_xml(text, config=config)
    except parsedmarc.ParserError as error:
        raise RefusedError(f"is no DMARC report: {error}") from error
    return parsed


def _span(metadata: _Parsed) -> tuple[datetime, datetime]:
    # parsedmarc writes the seconds of date_range as local time without its zone.
    begin, end = (
        datetime.strptime(metadata[key], _TIME).astimezone(UTC)
        for key in ("begin_date", "end_date")
    )
    if not begin <= end <= begin + _LONGEST:
        raise RefusedError(f"is of no believable time: {begin:%Y-%m-%d} to {end:%Y-%m-%d}")
    return begin, end


def _row(record: _Parsed) -> Row:
    messages = record["count"]
    if not 0 <= messages <= _MOST_MESSAGES:
        raise RefusedError(f"counts {messages} messages in one row")
    source, names = record["source"], record["identifiers"]
    results, evaluated = record["auth_results"], record["policy_evaluated"]
    return Row(
        source=_address(source["ip_address"]),
        messages=messages,
        header_from=_name(names["header_from"]),
        envelope_from=_name(names["envelope_from"]) or None,
        dkim_aligned=bool(record["alignment"]["dkim"]),
        spf_aligned=bool(record["alignment"]["spf"]),
        disposition=_word(evaluated["disposition"]),
        overrides=tuple(_word(r.get("type")) for r in evaluated["policy_override_reasons"]),
        dkim=_auth_results(results["dkim"]),
        spf=_auth_results(results["spf"]),
        network=_word(source["as_name"] or source["name"]) or None,
    )


def _auth_results(results: Sequence[_Parsed]) -> tuple[AuthResult, ...]:
    return tuple(
        AuthResult(_name(result["domain"]), _word(result["result"]), _word(result.get("selector")))
        for result in results
    )


def _address(text: str) -> Address:
    try:
        address = ip_address(text.strip())
    except ValueError as error:
        raise RefusedError(f'names a source that is no address: "{text[:60]}"') from error
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _name(value: object) -> str:
    return _word(value).lower().rstrip(".")


def _word(value: object) -> str:
    """The text of an element: xmltodict makes a mapping of one that has attributes."""
    text = value.get("#text") if isinstance(value, Mapping) else value
    if text is None:
        return ""
    if not isinstance(text, str):
        raise RefusedError("says twice what may be said once")
    return text.strip()
