"""What reports say, for people, as text, and for programs, as JSON.

Names and reasons come from strangers: nothing of theirs reaches a terminal but printable text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from postroad.settings.model import Estate
from postroad.settings.terminal import line
from postroad.watch.dmarc.advice import Advice, stages_line
from postroad.watch.dmarc.analysis import Analysis, Findings, Source
from postroad.watch.dmarc.intake import Refusal

_MOST_SOURCES = 30
_MOST_NAMES = 3
_WIDEST = 72
_LONGEST_REASON = 300
_HEADINGS = ("source", "whose", "messages", "dkim", "spf", "failed", "sent as")
_RIGHT = range(2, 6)


def printable(text: str, widest: int = _WIDEST) -> str:
    """``text`` in one line without control characters, cut where it is longer than ``widest``."""
    shown = line(text)
    return shown if len(shown) <= widest else f"{shown[:widest]}…"


def refusal_line(refusal: Refusal) -> str:
    """The file, the attachment where it is one of a mail, and why it was not read."""
    where = printable(refusal.path.name)
    if refusal.attachment is not None:
        where += f": {printable(refusal.attachment)}"
    # A reason may quote what the file says.
    return f"{where}: {printable(refusal.reason, _LONGEST_REASON)}"


def as_text(estate: Estate, analysis: Analysis, advices: Sequence[Advice]) -> str:
    """A section a sending domain, in the estate's order, and the line to write where one is due."""
    parts = [_section(f, a) for f, a in zip(analysis.domains, advices, strict=True)]
    line = stages_line(estate, advices)
    if line:
        parts.append(f'To advance, write in group_data, in estate["dmarc"]:\n\n    {line}\n')
    if analysis.foreign:
        names = ", ".join(map(printable, list(analysis.foreign)[:_MOST_NAMES]))
        parts.append(
            f"{sum(analysis.foreign.values()):,} messages say From: a name that the estate does"
            f" not send as ({len(analysis.foreign)}: {names}).\n"
        )
    if analysis.duplicates:
        parts.append(f"{analysis.duplicates} reports came twice, and were counted once.\n")
    return "\n".join(parts)


def as_json(
    estate: Estate, analysis: Analysis, advices: Sequence[Advice], refusals: Sequence[Refusal]
) -> str:
    """All of it: {reports, duplicates, foreign, refused, domains, stages}; times are ISO 8601."""
    whole = {
        "reports": analysis.reports,
        "duplicates": analysis.duplicates,
        "foreign": dict(analysis.foreign),
        "refused": [
            {"file": str(r.path), "attachment": r.attachment, "reason": r.reason} for r in refusals
        ],
        "domains": [_domain(f, a) for f, a in zip(analysis.domains, advices, strict=True)],
        "stages": stages_line(estate, advices),
    }
    return json.dumps(whole, indent=1, default=str) + "\n"


def _domain(findings: Findings, advice: Advice) -> dict[str, Any]:
    return {
        **asdict(findings),
        "first": findings.first and findings.first.isoformat(),
        "last": findings.last and findings.last.isoformat(),
        "messages": findings.messages,
        "next_stage_would_cost": asdict(findings.cost),
        "advice": asdict(advice),
    }


def _section(findings: Findings, advice: Advice) -> str:
    return "\n".join([_title(findings), "", *_table(findings.sources), *_advice(findings, advice)])


def _title(findings: Findings) -> str:
    title = f"{findings.domain}: p={findings.policy}"
    if findings.first is None or findings.last is None:
        return f"{title}, no report"
    reporters = ", ".join(map(printable, findings.reporters[:_MOST_NAMES]))
    return (
        f"{title}, {findings.messages:,} messages in {findings.reports} reports of"
        f" {findings.days} days, {findings.first:%Y-%m-%d} to {findings.last:%Y-%m-%d}"
        f" ({len(findings.reporters)} reporters: {reporters})"
    )


def _table(sources: Sequence[Source]) -> Iterator[str]:
    if not sources:
        return
    rows = [_HEADINGS, *(_cells(source) for source in sources[:_MOST_SOURCES])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for row in rows:
        cells = (
            cell.rjust(width) if column in _RIGHT else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield f"  {'  '.join(cells)}".rstrip()
    rest = sources[_MOST_SOURCES:]
    if rest:
        messages = sum(source.messages for source in rest)
        yield f"  and {len(rest):,} sources more with {messages:,} messages: --json has them all"
    yield ""


def _cells(source: Source) -> tuple[str, ...]:
    whose = source.ours or (f"not ours: {source.network}" if source.network else "not ours")
    return (
        str(source.address),
        printable(whose),
        *(f"{n:,}" for n in (source.messages, source.dkim, source.spf, source.failed)),
        printable(
            ", ".join([*source.envelope_from[:_MOST_NAMES], *source.signatures[:_MOST_NAMES]])
        ),
    )


def _advice(findings: Findings, advice: Advice) -> Iterator[str]:
    if advice.next_stage is None:
        yield f"  At reject, the last stage. It struck {_struck(findings)}"
    else:
        yield f"  {advice.next_stage} would have struck {_struck(findings)}"
        yield f"  To {advice.next_stage}: {advice.verdict}."
    for reason in advice.reasons:
        yield f"    - {printable(reason, _LONGEST_REASON)}"
    yield ""


def _struck(findings: Findings) -> str:
    cost = findings.cost
    return (
        f"{cost.messages:,} messages: {cost.ours:,} of ours, {cost.forwarded:,} forwarded,"
        f" {cost.strange:,} of others."
    )
