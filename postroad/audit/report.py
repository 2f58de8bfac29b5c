"""What an audit found, as JSON for programs and as one line for Nagios. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from postroad.settings.terminal import line

Verdict = Literal["ok", "wrong", "unknown", "error", "waived"]

# https://www.monitoring-plugins.org/doc/guidelines.html, plugin return codes.
STATES = {0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN"}
# What a check of the whole estate is reported for, in place of a host.
ESTATE = "the estate"
# A line is read on a phone at night.
TOLD = 3
SHORT = 300


@dataclass(frozen=True, slots=True)
class Result:
    """One check of a host or the estate; ``unknown`` has no answer, ``error`` no question.

    ``waived`` was not made, because it cannot hold of a lone box (`postroad.mail.lone`).
    """

    check: str
    host: str
    verdict: Verdict
    detail: str


def as_json(results: Sequence[Result]) -> str:
    """A list of {check, host, verdict, detail}."""
    return json.dumps([asdict(result) for result in results], indent=1) + "\n"


def nagios_status(results: Sequence[Result]) -> int:
    """The exit status of a Nagios plugin: anything wrong is critical, anything unknown a warning.

    3 where nothing was checked, or where the audit itself failed and found nothing wrong.
    """
    verdicts = {result.verdict for result in results}
    if "wrong" in verdicts:
        return 2
    if not verdicts - {"waived"} or "error" in verdicts:
        return 3
    return 1 if "unknown" in verdicts else 0


def nagios_line(results: Sequence[Result], seconds: float) -> str:
    """One line: the state, what is wrong (the first thing of each check), and the counts."""
    counts = {
        verdict: sum(result.verdict == verdict for result in results)
        for verdict in ("ok", "wrong", "unknown", "error", "waived")
    }
    if not counts["waived"]:
        del counts["waived"]
    bad = [result for result in results if result.verdict not in ("ok", "waived")]
    bad.sort(key=lambda result: result.verdict != "wrong")
    said = [f"{host}: {what}: {_first_line(why)}" for _, host, what, why in _by_reason(bad)]
    told = "; ".join(said[:TOLD])
    if len(said) > TOLD:
        told += f"; and {len(said) - TOLD} more"
    if not results:
        told = "nothing was checked"
    counted = " ".join(f"{name}={count}" for name, count in counts.items())
    hosts = {result.host for result in results} - {ESTATE}
    summary = told or f"{counts['ok']} checks of {len(hosts)} hosts"
    state = STATES[nagios_status(results)]
    # A bar would begin the performance data.
    return f"POSTROAD {state} - {summary.replace('|', '/')} | {counted} time={seconds:.1f}s"


def nagios_failure(reason: str) -> str:
    """The line of an audit that could not begin."""
    return f"POSTROAD {STATES[3]} - {line(' '.join(reason.split())).replace('|', '/')}"


def _first_line(text: str) -> str:
    # Not splitlines(): to it, many more characters end a line.
    if not text.strip():
        return "no reason given"
    first = line(text.strip().split("\n")[0])
    return first if len(first) <= SHORT else f"{first[:SHORT]}…"


def not_judged(results: Sequence[Result]) -> Iterator[str]:
    """A line for each reason why checks have no verdict: which of them, or how many of a host."""
    without = [result for result in results if result.verdict in ("unknown", "waived")]
    for verdict, host, what, reason in _by_reason(without):
        yield f"{verdict.upper()} {host}: {what}: {line(reason)}"


def _by_reason(results: Sequence[Result]) -> Iterator[tuple[Verdict, str, str, str]]:
    """Verdict, host, checks and reason: one for all checks of a host that have the same reason."""
    about: dict[tuple[Verdict, str, str], list[str]] = {}
    for result in results:
        about.setdefault((result.verdict, result.host, result.detail), []).append(result.check)
    for (verdict, host, reason), checks in about.items():
        # What is waived is never made: it is listed whole.
        is_listed = verdict == "waived" or len(checks) <= TOLD
        yield verdict, host, ", ".join(checks) if is_listed else f"{len(checks)} checks", reason
