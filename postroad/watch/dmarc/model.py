"""What an aggregate report says (RFC 7489 appendix C, RFC 9990), as frozen data.

Names are lower-case without a trailing dot, times are UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from postroad.settings.model import Address


@dataclass(frozen=True, slots=True)
class AuthResult:
    """What one check by the receiver said, aligned or not: the domain it was about, its result.

    ``selector`` is that of a DKIM signature; None for SPF, and where the reporter leaves it out.
    """

    domain: str
    result: str
    selector: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """So many messages from one source that fared alike.

    ``dkim_aligned`` and ``spf_aligned`` are the receiver's own verdict (policy_evaluated): passed
    and aligned with ``header_from``. ``overrides`` say why a receiver did not do what the policy
    asks. ``network`` is who holds the source's address, where that is known.
    """

    source: Address
    messages: int
    header_from: str
    envelope_from: str | None
    dkim_aligned: bool
    spf_aligned: bool
    disposition: str
    overrides: tuple[str, ...]
    dkim: tuple[AuthResult, ...]
    spf: tuple[AuthResult, ...]
    network: str | None

    @property
    def passed(self) -> bool:
        """Whether DMARC passed: one aligned pass is enough (RFC 9989 §4.4)."""
        return self.dkim_aligned or self.spf_aligned


@dataclass(frozen=True, slots=True)
class Report:
    """One aggregate report: who says it, of which domain and time, and its rows.

    ``policy`` and ``subdomain_policy`` are what the reporter found published (p, sp).
    """

    reporter: str
    identifier: str
    domain: str
    policy: str
    subdomain_policy: str
    begin: datetime
    end: datetime
    rows: tuple[Row, ...]

    @property
    def identity(self) -> tuple[object, ...]:
        """What a report that is sent twice has in common with itself."""
        return (self.reporter.lower(), self.identifier, self.domain, self.begin, self.end)

    def policy_for(self, name: str) -> str:
        """The policy that held for From: ``name`` as the reporter saw it."""
        return self.policy if name == self.domain else self.subdomain_policy

    @property
    def days(self) -> Iterator[date]:
        """Each day (UTC) that the report tells of; its end is not part of it."""
        day = self.begin.date()
        last = max(self.begin, self.end - timedelta(seconds=1)).date()
        while day <= last:
            yield day
            day += timedelta(days=1)
