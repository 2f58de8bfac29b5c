"""docs/settings.md describes every key, no other, and the defaults that the code has."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from postroad.settings import defaults, sections

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
ROW = re.compile(r"^\| `(?P<key>[^`]+)` \| (?P<default>[^|]+) \| (?P<meaning>[^|]+) \|$")


def documented() -> dict[str, dict[str, re.Match[str]]]:
    """Section → key → its row, for every section with a table."""
    found: dict[str, dict[str, re.Match[str]]] = {}
    for part in PAGE.split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        rows = [row for row in map(ROW.match, body.splitlines()) if row]
        if rows:
            found[title] = {row["key"]: row for row in rows}
            assert len(found[title]) == len(rows), f"{title} describes a key twice"
    return found


def test_every_section_is_described_and_no_other() -> None:
    assert set(documented()) == set(sections.ALL)


@pytest.mark.parametrize("section", sections.ALL)
def test_every_key_is_described_and_no_other(section: str) -> None:
    assert set(documented()[section]) == set(sections.ALL[section])


def test_every_table_row_is_read() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert len(rows) == sum(len(section) for section in documented().values())


@pytest.mark.parametrize(
    ("section", "key", "default"),
    [
        ("estate", "record_ttl", defaults.RECORD_TTL),
        ("estate", "log_days", defaults.LOG_DAYS),
        ("upgrades", "unattended", defaults.UNATTENDED),
        ("estate", "port25_probe", defaults.PORT25_PROBE),
        ("firewall", "ssh_port", defaults.SSH_PORT),
        ("dmarc", "policy", defaults.DMARC_POLICY),
        ("streams.STREAM", "outbound_tls", defaults.OUTBOUND_TLS),
        ('tls, source "acme"', "directory", defaults.ACME_DIRECTORY),
        ("tls.challenge.dns-01", "port", defaults.DNS_PORT),
        ("tls.challenge.dns-01", "algorithm", defaults.TSIG_ALGORITHM),
        ("tls.challenge.dns-01", "propagation", defaults.PROPAGATION_SECONDS),
        ("dkim", "rotate_days", defaults.ROTATE_DAYS),
        ("dkim", "revoked_days", defaults.REVOKED_DAYS),
        ("mta_sts", "max_age", defaults.MTA_STS_MAX_AGE),
        ("dns", "resolvers", json.dumps([str(address) for address in defaults.RESOLVERS])),
        ("dns.zones.ZONE", "port", defaults.DNS_PORT),
        ("dns.zones.ZONE", "algorithm", defaults.TSIG_ALGORITHM),
    ],
)
def test_a_described_default_is_the_real_one(section: str, key: str, default: object) -> None:
    assert documented()[section][key]["default"] == f"`{default}`"


@pytest.mark.parametrize("key", sections.LIMITS)
def test_described_limits_are_the_real_ones(key: str) -> None:
    usual, campaigns = (
        asdict(defaults.LIMITS[name])[key] for name in ("transactional", "marketing")
    )
    described = documented()["streams.STREAM.limits"][key]["default"]
    assert described == (
        f"`{usual}`" if usual == campaigns else f"`{usual}`; marketing `{campaigns}`"
    )


@pytest.mark.parametrize(("key", "index"), [("starttls_port", 0), ("tls_port", 1)])
def test_described_ports_are_the_real_ones(key: str, index: int) -> None:
    first, second = defaults.SUBMISSION_PORTS[index], defaults.SECOND_SUBMISSION_PORTS[index]
    described = documented()["hosts.NAME.ways_out.STREAM"][key]["default"]
    assert described == f"`{first}`; marketing on a shared address `{second}`"


def test_described_headers_are_the_real_ones() -> None:
    rows = documented()["streams.STREAM"]
    beyond = defaults.SIGN_HEADERS[defaults.SIGN_HEADERS.index("List-Archive") + 1 :]
    assert rows["sign_headers"]["default"].endswith(", ".join(beyond))
    assert rows["oversign_headers"]["default"].startswith(", ".join(defaults.OVERSIGN_HEADERS))
