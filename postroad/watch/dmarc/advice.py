"""Whether a sending domain is ready for the next stage of its policy, in plain words.

The stages are none, quarantine, reject (RFC 9989 §7.4): each lasts at least a month, and a domain
must not count on SPF alone when it says reject. Pure: today comes from outside.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from postroad.settings.model import DmarcPolicy, Estate
from postroad.settings.names import POLICIES
from postroad.watch.dmarc.analysis import Findings, Source

Verdict = Literal["advance", "look first", "not yet", "done"]

# RFC 9989 §7.4: a month in each stage. Days without a report tell nothing, so they do not count.
DAYS = 28
# Fewer of our own messages than this are no evidence.
MESSAGES = 100
# Receivers see our DNS fail now and then: up to one message in a thousand tells nothing of us.
TOLERATED = 0.001
# Older reports than this tell how things were.
FRESH = timedelta(days=7)
# A source of a smaller share of a domain's messages than this is not worth a look of its own.
WORTH_A_LOOK = 0.001


@dataclass(frozen=True, slots=True)
class Advice:
    """``next_stage`` is None at reject. ``reasons`` are sentences: why not yet, what to look at."""

    domain: str
    verdict: Verdict
    next_stage: DmarcPolicy | None
    reasons: tuple[str, ...]


def advise(findings: Findings, today: date) -> Advice:
    """What to do about one domain's stage. Only ever one stage at a time."""
    stage = _after(findings.policy)
    if stage is None:
        return Advice(findings.domain, "done", None, tuple(_own_faults(findings)))
    against = (*_too_little(findings, today), *_own_faults(findings))
    if against:
        return Advice(findings.domain, "not yet", stage, against)
    looks = tuple(_strangers(findings, stage))
    return Advice(findings.domain, "look first" if looks else "advance", stage, looks)


def stages_line(estate: Estate, advices: Iterable[Advice]) -> str | None:
    """The line for ``estate["dmarc"]`` in group_data; None where no domain is ready to advance.

    It keeps what stands there, and never weakens a stage. sp and np follow p by themselves.
    """
    ready = {advice.domain: advice.next_stage for advice in advices if advice.verdict == "advance"}
    if not ready:
        return None
    return f'"stages": {json.dumps(dict(estate.dmarc.stages) | ready)},'


def _after(policy: DmarcPolicy) -> DmarcPolicy | None:
    place = POLICIES.index(policy) + 1
    return POLICIES[place] if place < len(POLICIES) else None


def _too_little(findings: Findings, today: date) -> Iterator[str]:
    if findings.last is None:
        yield "No report tells of it: is its DMARC record published, does its rua address receive?"
        return
    if findings.last.date() < today - FRESH:
        yield f"The newest report is of {findings.last:%Y-%m-%d}: newer ones are needed."
    if findings.days_at_stage < DAYS:
        yield (
            f"Reports cover {findings.days_at_stage} of {DAYS} days at p={findings.policy};"
            " wait, and keep every report."
        )
    own = sum(source.messages for source in findings.own)
    if own < MESSAGES:
        yield f"Reports tell of {own} messages of ours; {MESSAGES} are the least to judge by."


def _own_faults(findings: Findings) -> Iterator[str]:
    for source in findings.own:
        if source.failed > source.messages * TOLERATED:
            yield (
                f"{source.failed} of {source.messages} messages from {source.address}"
                f" ({source.ours}) fail: neither DKIM nor SPF passes aligned."
                " Find out why before anything else: postroad audit."
            )
        elif findings.policy != "none" and source.spf_alone > source.messages * TOLERATED:
            yield (
                f"{source.spf_alone} of {source.messages} messages from {source.address}"
                f" ({source.ours}) pass by SPF alone: once forwarded they fail."
                " DKIM has to pass aligned before reject (RFC 9989 §7.4)."
            )


def _strangers(findings: Findings, stage: DmarcPolicy) -> Iterator[str]:
    for source in findings.sources:
        if source.strange > findings.messages * WORTH_A_LOOK:
            yield (
                f"{source.strange} messages from {_who(source)} fail and are not ours. A service"
                f" that sends for you? Then it must sign as {findings.domain} first. Forged?"
                f" Then {stage} is what stops them."
            )
    forwarded = findings.cost.forwarded
    if forwarded > findings.messages * WORTH_A_LOOK:
        yield (
            f"{forwarded} forwarded copies of our messages fail: {stage} strikes them too."
            " Only you know whether they matter."
        )


def _who(source: Source) -> str:
    return f"{source.address} ({source.network})" if source.network else str(source.address)
