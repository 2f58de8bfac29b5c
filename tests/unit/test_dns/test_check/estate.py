"""The records of an estate that is all right, and its breaking."""

from __future__ import annotations

from collections.abc import Iterable

from postroad.dns.check.checks import Facts, checks
from postroad.dns.check.mta_sts import Fetch, Page
from postroad.dns.check.said import UnansweredError
from postroad.dns.check.verdict import Verdict
from postroad.dns.dmarc import authorisations_by_others
from postroad.dns.records import derive
from postroad.settings.model import Address, Estate

from .. import estates
from ..estates import MAIL1
from .world import Record, World

ESTATE = estates.estate(MAIL1)
KEYS = estates.keys_of_mail1()
FACTS = Facts(KEYS, ())


def published(estate: Estate = ESTATE) -> list[Record]:
    """What `postroad dns records` says, and what others have to add."""
    others = [("shop.example", "MX", "10 mail1.shop.example.")]
    records = [*derive(estate, KEYS), *authorisations_by_others(estate)]
    return [*((r.owner, r.type, r.data) for r in records), *others]


def without(name: str, kind: str, records: Iterable[Record] | None = None) -> list[Record]:
    """The good records but those of one name and type."""
    return [r for r in records or published() if (r[0], r[1]) != (name, kind)]


def instead(name: str, kind: str, *rdatas: str) -> list[Record]:
    """The good records, with others of one name and type."""
    return [*without(name, kind), *((name, kind, rdata) for rdata in rdatas)]


def no_web(host: str, path: str, address: Address) -> Page:
    """A world without web servers."""
    raise UnansweredError(f"https://{host}{path}: nobody there")


def judge(
    records: Iterable[Record],
    estate: Estate = ESTATE,
    facts: Facts = FACTS,
    fetch: Fetch = no_web,
) -> list[Verdict]:
    """Every verdict on the estate in a world with these records."""
    return World(records).judge(*checks(estate, facts, fetch))


def faults(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Those that are not ok."""
    return [verdict for verdict in verdicts if verdict.verdict != "ok"]
