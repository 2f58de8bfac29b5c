"""What a check of the names found: for people, for programs, and what changed since. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

from postroad.dns.check.verdict import Verdict
from postroad.settings import terminal

_FIELDS = {field.name for field in fields(Verdict)}
_RULINGS = ("ok", "wrong", "unknown")
_SEVERITIES = ("required", "recommended")


def as_json(verdicts: Iterable[Verdict]) -> str:
    """A list of {check, about, verdict, severity, reason, mend}."""
    return json.dumps([asdict(verdict) for verdict in verdicts], indent=1) + "\n"


def from_json(text: str) -> list[Verdict]:
    """What `as_json` wrote; ValueError says what is wrong with ``text``."""
    found = json.loads(text)
    if not isinstance(found, list):
        raise ValueError("it is no list of verdicts: name a file that --json wrote")
    return [_verdict(place, entry) for place, entry in enumerate(found)]


def _verdict(place: int, entry: Any) -> Verdict:
    if (
        not isinstance(entry, dict)
        or set(entry) != _FIELDS
        or not all(isinstance(value, str) for value in entry.values())
        or entry["verdict"] not in _RULINGS
        or entry["severity"] not in _SEVERITIES
    ):
        raise ValueError(f"entry {place} is no verdict: name a file that --json wrote")
    return Verdict(**entry)


def text(verdicts: Sequence[Verdict]) -> str:
    """What is not ok, below the name that it is about, each with its mend; then a summary."""
    lines = list(_grouped(verdict for verdict in verdicts if verdict.verdict != "ok"))
    return "".join(f"{terminal.line(each)}\n" for each in [*lines, summary(verdicts)])


def _grouped(verdicts: Iterable[Verdict]) -> Iterator[str]:
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault(verdict.about, []).append(verdict)
    for about, members in groups.items():
        yield about
        for verdict in members:
            yield f"  {_ruling(verdict)}: {verdict.check}: {verdict.reason}"
            if verdict.mend:
                yield f"      mend: {verdict.mend}"
        yield ""


def _ruling(verdict: Verdict) -> str:
    return f"{verdict.verdict} ({verdict.severity})"


def summary(verdicts: Sequence[Verdict]) -> str:
    """One line of counts."""
    wrong = [verdict for verdict in verdicts if verdict.verdict == "wrong"]
    required = sum(verdict.severity == "required" for verdict in wrong)
    return (
        f"{sum(verdict.verdict == 'ok' for verdict in verdicts)} ok,"
        f" {len(wrong)} wrong ({required} required),"
        f" {sum(verdict.verdict == 'unknown' for verdict in verdicts)} unknown"
    )


def new_since(before: Iterable[Verdict], now: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts that are not ok now, and were not the same before.

    What is the same is told by check, name, ruling, severity and reason; a mend may be worded anew.
    """
    known = {_essence(verdict) for verdict in before}
    return [
        verdict for verdict in now if verdict.verdict != "ok" and _essence(verdict) not in known
    ]


def gone_since(before: Iterable[Verdict], now: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts that were not ok before and are not given any more, where that is known."""
    current = list(now)
    known = {_essence(verdict) for verdict in current}
    unknown = {(v.check, v.about) for v in current if v.verdict == "unknown"}
    return [
        verdict
        for verdict in before
        if verdict.verdict != "ok"
        and _essence(verdict) not in known
        and (verdict.check, verdict.about) not in unknown
    ]


def _essence(verdict: Verdict) -> tuple[str, ...]:
    return verdict.check, verdict.about, verdict.verdict, verdict.severity, verdict.reason


def changes(new: Sequence[Verdict], gone: Sequence[Verdict]) -> str:
    """What is new, then what is over; one line that says so where nothing changed."""
    if not new and not gone:
        return "nothing changed\n"
    lines = [*_grouped(new), *(f"over: {v.about}: {v.check}: {v.reason}" for v in gone)]
    return "".join(f"{terminal.line(each)}\n" for each in lines)
