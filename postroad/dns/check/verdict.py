"""Checks, their verdicts, and the exit status that sums them up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from postroad.dns.check.said import Ask, TooLargeError, UnansweredError
from postroad.onhost.common.words import quoted

Ruling = Literal["ok", "wrong", "unknown"]
Severity = Literal["required", "recommended"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one check: a check that finds several faults has a verdict for each.

    ``about`` is the domain, host or address that a person looks after; ``mend`` says what to
    publish or do, and is empty where nothing is known or nothing is to do.
    """

    check: str
    about: str
    verdict: Ruling
    severity: Severity
    reason: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and its mend."""

    severity: Severity
    reason: str
    mend: str


Judge = Callable[[Ask], Iterable[Fault]]


@dataclass(frozen=True, slots=True)
class Check:
    """A question about one name. ``fine`` is the reason where ``judge`` finds no fault."""

    check: str
    about: str
    severity: Severity
    fine: str
    judge: Judge

    def verdicts(self, ask: Ask) -> Iterator[Verdict]:
        """At least one verdict, whatever the world answers."""
        try:
            faults = list(self.judge(ask))
        except UnansweredError as reason:
            yield self._unknown(str(reason))
            return
        except TooLargeError as reason:
            yield Verdict(self.check, self.about, "wrong", self.severity, str(reason), _SHORTEN)
            return
        # One zone that breaks a library must not hide the verdicts on the others.
        except Exception as failure:
            yield self._unknown(f"the check failed: {quoted(repr(failure))}")
            return
        for fault in faults:
            yield Verdict(self.check, self.about, "wrong", fault.severity, fault.reason, fault.mend)
        if not faults:
            yield Verdict(self.check, self.about, "ok", self.severity, self.fine)

    def _unknown(self, reason: str) -> Verdict:
        return Verdict(self.check, self.about, "unknown", self.severity, reason)


_SHORTEN = "remove what does not belong there"


def status(verdicts: Iterable[Verdict]) -> int:
    """0 all ok, 1 a recommendation is not met or something is unknown, 2 a requirement is not met.

    The first three of a Nagios plugin's states (OK, WARNING, CRITICAL).
    """
    found = {(verdict.verdict, verdict.severity) for verdict in verdicts}
    if ("wrong", "required") in found:
        return 2
    return 1 if any(ruling != "ok" for ruling, _ in found) else 0
