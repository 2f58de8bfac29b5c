"""What the estate's names need, for the person who sees to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from postroad.dns import budget, dkim
from postroad.dns.dkim import LiveKey
from postroad.dns.former import NOTHING, Former
from postroad.dns.missing import missing
from postroad.dns.mta_sts import policy, policy_url
from postroad.dns.records import derive
from postroad.dns.tlsa import LiveCertificate
from postroad.dns.work_order import work_order
from postroad.settings.model import Estate


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan's text, and the faults that it ends with: with any, it is not to be published."""

    text: str
    faults: tuple[str, ...]


def plan(
    estate: Estate,
    keys: Iterable[LiveKey],
    withdrawn: Iterable[LiveKey],
    certificates: Iterable[LiveCertificate],
    given_up: Former = NOTHING,
) -> Plan:
    """Every record and who must publish it, the policy file, what is missing, what is wrong.

    The records of ``withdrawn`` keys are to be removed. ``given_up`` and UnusableKeyError as
    `derive`.
    """
    live, served = tuple(keys), tuple(certificates)
    records = derive(estate, live, served, given_up)
    faults = budget.faults(records)
    parts = (
        work_order(estate, records, dkim.records(estate, withdrawn)),
        "".join(_policy_file(estate)),
        "".join(f"{sentence}\n" for sentence in missing(estate, live, served)),
        "".join(f"Wrong: {fault}.\n" for fault in faults),
    )
    return Plan("\n".join(part for part in parts if part), faults)


def _policy_file(estate: Estate) -> Iterator[str]:
    if estate.mta_sts is None:
        return
    yield (
        f"On {estate.mta_sts.web_host}, as text/plain, with a certificate for the name in each\n"
        "address and without a redirect (`postroad dns mta-sts` writes the file):\n\n"
    )
    for stream in estate.streams:
        yield f"  {policy_url(stream.envelope_domain)}\n"
    yield from (f"      {line}\n" for line in policy(estate, estate.mta_sts).splitlines())
