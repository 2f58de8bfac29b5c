"""Counts what reports say, by sending domain and source: pure, no clock and no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from postroad.settings.model import Address, DmarcPolicy, Estate
from postroad.settings.names import POLICIES
from postroad.watch.dmarc.model import AuthResult, Report, Row

# RFC 7489 and RFC 9990: the receiver knows that somebody else's system passed the message on.
_PASSED_ON = frozenset({"forwarded", "mailing_list", "trusted_forwarder"})
_STOPPED = frozenset({"quarantine", "reject"})


@dataclass(frozen=True, slots=True)
class Source:
    """What reports say of one address that sent as one sending domain. All numbers are messages.

    ``ours`` names the host and streams whose way out it is; None where it is not the estate's.
    ``dkim`` and ``spf`` passed aligned, ``failed`` passed neither way, so that a policy strikes
    them; ``forwarded`` of these were ours once, by their signature or by the receiver's word;
    ``spf_alone`` passed, but not by DKIM; ``stopped`` were quarantined or rejected already.
    """

    address: Address
    ours: str | None
    network: str | None
    messages: int
    dkim: int
    spf: int
    spf_alone: int
    failed: int
    forwarded: int
    stopped: int
    header_from: tuple[str, ...]
    envelope_from: tuple[str, ...]
    signatures: tuple[str, ...]

    @property
    def strange(self) -> int:
        """The messages that failed and are neither ours nor forwarded: forged, or undeclared."""
        return 0 if self.ours else self.failed - self.forwarded


@dataclass(frozen=True, slots=True)
class Cost:
    """Messages that a policy stricter than none strikes: from our addresses, forwarded, others'."""

    ours: int
    forwarded: int
    strange: int

    @property
    def messages(self) -> int:
        return self.ours + self.forwarded + self.strange


@dataclass(frozen=True, slots=True)
class Findings:
    """All that is reported of one sending domain and of the names below it.

    ``policy`` is the stage that the estate declares; ``days_at_stage`` counts the days (UTC) of
    reports that saw this policy, or a stricter one, published. Sources: most messages first.
    """

    domain: str
    policy: DmarcPolicy
    reports: int
    reporters: tuple[str, ...]
    first: datetime | None
    last: datetime | None
    days: int
    days_at_stage: int
    sources: tuple[Source, ...]

    @property
    def messages(self) -> int:
        return sum(source.messages for source in self.sources)

    @property
    def own(self) -> tuple[Source, ...]:
        """The sources that are ways out of the estate."""
        return tuple(source for source in self.sources if source.ours)

    @property
    def cost(self) -> Cost:
        """What the next stage would have cost."""
        return Cost(
            sum(source.failed for source in self.own),
            sum(source.forwarded for source in self.sources if not source.ours),
            sum(source.strange for source in self.sources),
        )


@dataclass(frozen=True, slots=True)
class Analysis:
    """The findings of every sending domain, in the estate's order.

    ``duplicates`` are reports that came more than once and were counted once; ``foreign`` are
    names in From: that the estate does not send as, with their messages.
    """

    reports: int
    duplicates: int
    domains: tuple[Findings, ...]
    foreign: Mapping[str, int]


def analyse(estate: Estate, reports: Iterable[Report]) -> Analysis:
    """What ``reports`` say of the estate; the same report twice counts once."""
    came = tuple(reports)
    once = tuple({report.identity: report for report in reversed(came)}.values())[::-1]
    owners = _owners(estate)
    tallies = {
        domain: _Tally(domain, estate.dmarc.policy_of(domain)) for domain in _longest(estate)
    }
    foreign: dict[str, int] = {}
    for report in once:
        for row in report.rows:
            domain = next((d for d in tallies if _is_within(row.header_from, d)), None)
            if domain is None:
                foreign[row.header_from] = foreign.get(row.header_from, 0) + row.messages
            else:
                tallies[domain].add(report, row)
    return Analysis(
        reports=len(once),
        duplicates=len(came) - len(once),
        domains=tuple(tallies[domain].findings(owners) for domain in estate.from_domains),
        foreign=foreign,
    )


def _owners(estate: Estate) -> dict[Address, str]:
    """Each address of the estate: the host, and the streams whose way out it is."""
    streams: dict[Address, list[str]] = {}
    for host in estate.hosts:
        for address in host.addresses:
            streams.setdefault(address, [host.name])
        for way in host.ways_out:
            for address in way.addresses:
                streams.setdefault(address, [host.name]).append(way.stream)
    return {address: " ".join(names) for address, names in streams.items()}


def _longest(estate: Estate) -> list[str]:
    """The sending domains, those below others first: what is said of them is theirs alone."""
    return sorted(estate.from_domains, key=lambda domain: -domain.count("."))


def _is_within(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")


class _Tally:
    """Adds up what is said of one sending domain."""

    def __init__(self, domain: str, policy: DmarcPolicy) -> None:
        self.domain = domain
        self.policy = policy
        self.rows: dict[Address, list[Row]] = {}
        self.reports: dict[tuple[object, ...], Report] = {}
        self.at_stage: set[date] = set()

    def add(self, report: Report, row: Row) -> None:
        self.rows.setdefault(row.source, []).append(row)
        self.reports[report.identity] = report
        if _rank(report.policy_for(row.header_from)) >= _rank(self.policy):
            self.at_stage.update(report.days)

    def findings(self, owners: Mapping[Address, str]) -> Findings:
        sources = [
            _source(self.domain, address, owners.get(address), rows)
            for address, rows in self.rows.items()
        ]
        reports = self.reports.values()
        return Findings(
            domain=self.domain,
            policy=self.policy,
            reports=len(reports),
            reporters=_each_once(report.reporter for report in reports),
            first=min((report.begin for report in reports), default=None),
            last=max((report.end for report in reports), default=None),
            days=len({day for report in reports for day in report.days}),
            days_at_stage=len(self.at_stage),
            sources=tuple(sorted(sources, key=lambda s: (-s.messages, str(s.address)))),
        )


def _source(domain: str, address: Address, ours: str | None, rows: list[Row]) -> Source:
    failed = [row for row in rows if not row.passed]
    forwarded = [] if ours else [row for row in failed if _was_passed_on(row, domain)]
    return Source(
        address=address,
        ours=ours,
        network=next((row.network for row in rows if row.network), None),
        messages=_messages(rows),
        dkim=_messages(row for row in rows if row.dkim_aligned),
        spf=_messages(row for row in rows if row.spf_aligned),
        spf_alone=_messages(row for row in rows if row.spf_aligned and not row.dkim_aligned),
        failed=_messages(failed),
        forwarded=_messages(forwarded),
        stopped=_messages(row for row in rows if row.disposition in _STOPPED),
        header_from=_each_once(row.header_from for row in rows),
        envelope_from=_each_once(row.envelope_from for row in rows if row.envelope_from),
        signatures=_each_once(_signature(result) for row in rows for result in row.dkim),
    )


def _was_passed_on(row: Row, domain: str) -> bool:
    """Whether a message that failed was most likely ours before somebody passed it on.

    A signature in our name that no longer verifies is what mailing lists leave (RFC 9989 §7.4).
    Anybody can write one, so this is a hint and no proof.
    """
    ours = any(_is_within(result.domain, domain) for result in row.dkim)
    return ours or not _PASSED_ON.isdisjoint(row.overrides)


def _signature(result: AuthResult) -> str:
    by = f"{result.selector}._domainkey.{result.domain}" if result.selector else result.domain
    return f"{by} {result.result}"


def _messages(rows: Iterable[Row]) -> int:
    return sum(row.messages for row in rows)


def _each_once(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _rank(policy: str) -> int:
    """How strict: a word that is no policy counts as none (RFC 9989 §4.7)."""
    known: tuple[str, ...] = POLICIES
    return known.index(policy) if policy in known else 0
