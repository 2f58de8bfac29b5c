"""The world finds the estate's names as they are declared: what `postroad dns check` asks.

These checks are of the estate as a whole: they are asked once, from the machine that audits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from postroad.audit.fault import Fault, refute, unknown
from postroad.dns.check.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Topic:
    """Which of the verdicts belong together, by how their checks begin, and what a fault means."""

    checks: tuple[str, ...]
    follows: str


ADDRESSES = Topic(("addresses", "FCrDNS"), "receivers refuse mail from addresses without a name")
SPF = Topic(("SPF",), "receivers refuse or distrust what is sent, or anybody may send it")
DKIM = Topic(("DKIM",), "signatures do not count, and without SPF's help DMARC fails")
DMARC = Topic(("DMARC",), "others can send in the shop's name, or nobody reports that they do")
BOUNCES = Topic(("MX", "null MX"), "bounces are lost, and the shop mails on to dead addresses")
TLS = Topic(
    ("MTA-STS", "TLS", "CAA"), "mail to the estate can be read on its way, or is not delivered"
)
UNSUBSCRIBE = Topic(("unsubscribe",), "who cannot unsubscribe complains: that costs reputation")
LISTS = Topic(("DNS list",), "receivers that look at the list refuse the mail")

TOPICS = (ADDRESSES, SPF, DKIM, DMARC, BOUNCES, TLS, UNSUBSCRIBE, LISTS)


def of(names: Sequence[Verdict], topic: Topic) -> tuple[Verdict, ...]:
    """The verdicts of one topic."""
    return tuple(verdict for verdict in names if verdict.check.startswith(topic.checks))


def _required(verdicts: Sequence[Verdict], follows: str) -> Iterator[Fault]:
    """What is required and wrong."""
    for verdict in verdicts:
        if (verdict.verdict, verdict.severity) == ("wrong", "required"):
            yield Fault(f"{verdict.about}: {verdict.reason}", follows, verdict.mend)


def _doubts(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """What is not known, and what is recommended and not so."""
    for verdict in verdicts:
        if verdict.verdict == "unknown":
            yield f"{verdict.about}: {verdict.reason}"
        elif (verdict.verdict, verdict.severity) == ("wrong", "recommended"):
            yield f"{verdict.about}: recommended: {verdict.reason}; {verdict.mend}"


def _judge(names: Sequence[Verdict], topic: Topic) -> None:
    __tracebackhide__ = True
    found = of(names, topic)
    refute(_required(found, topic.follows))
    unknown(_doubts(found))


def test_addresses_have_names_and_names_addresses(estate_names: Sequence[Verdict]) -> None:
    """Both ways, in both families (RFC 8601 2.7.3)."""
    _judge(estate_names, ADDRESSES)


def test_spf_passes_for_every_source(estate_names: Sequence[Verdict]) -> None:
    """By evaluation (RFC 7208), for MAIL FROM and HELO; and for nobody else."""
    _judge(estate_names, SPF)


def test_dkim_records_are_those_of_the_keys(estate_names: Sequence[Verdict]) -> None:
    """By comparison, and by a probe that each host signs (RFC 6376)."""
    _judge(estate_names, DKIM)


def test_dmarc_is_as_declared(estate_names: Sequence[Verdict]) -> None:
    """By the tree walk (RFC 9989), with those who receive the reports (RFC 9990)."""
    _judge(estate_names, DMARC)


def test_bounces_come_back(estate_names: Sequence[Verdict]) -> None:
    """The MX of each envelope domain is an inbound host (RFC 5321 5.1)."""
    _judge(estate_names, BOUNCES)


def test_tls_is_announced_as_it_is(estate_names: Sequence[Verdict]) -> None:
    """MTA-STS, TLS reports, TLSA and CAA (RFC 8461, 8460, 7672, 8659)."""
    _judge(estate_names, TLS)


def test_unsubscribe_links_lead_somewhere(estate_names: Sequence[Verdict]) -> None:
    """To an address whose certificate is good (RFC 8058)."""
    _judge(estate_names, UNSUBSCRIBE)


def test_no_address_is_on_a_list(estate_names: Sequence[Verdict]) -> None:
    """Of the DNS lists that receivers look at (RFC 5782)."""
    found = of(estate_names, LISTS)
    refute(_required(found, LISTS.follows))
    # Many a list answers only those who have registered with it: that is no news.
    unknown(_doubts([v for v in found if v.verdict == "wrong" or v.severity == "required"]))


def test_whoever_is_asked_answers(estate_names: Sequence[Verdict]) -> None:
    """The resolvers, the name servers of each zone, and the hosts."""
    known = [verdict for topic in TOPICS for verdict in of(estate_names, topic)]
    unknown(_doubts([verdict for verdict in estate_names if verdict not in known]))
