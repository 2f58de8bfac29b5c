"""The records of envelope domains that the estate has given up, while mail may still come back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from postroad.dns import mx, spf
from postroad.dns.names import is_within
from postroad.dns.record import Record
from postroad.settings.model import Address, Estate, Stream


@dataclass(frozen=True, slots=True)
class Former:
    """What the estate no longer knows, and mail is still under way of.

    ``domains`` are streams and envelope domains that were theirs, ``draining`` streams and
    addresses of hosts that carry them no more and still deliver.
    """

    domains: tuple[tuple[str, str], ...] = ()
    draining: tuple[tuple[str, Address], ...] = ()


NOTHING = Former()


def together(found: Iterable[Former]) -> Former:
    """What several hosts have of it, each domain and address once."""
    each = tuple(found)
    return Former(
        tuple(dict.fromkeys(domain for one in each for domain in one.domains)),
        tuple(dict.fromkeys(address for one in each for address in one.draining)),
    )


def records(estate: Estate, former: Former) -> Iterator[Record]:
    """MX and SPF of each domain of ``former``.

    Of a stream that no host carries any more there is no SPF record: from where its last mail
    leaves, the hosts know that drain it, and who runs them is told to leave the record.
    """
    carried: dict[str, Stream] = {stream.name: stream for stream in estate.streams}
    for name, domain in dict.fromkeys(former.domains):
        stream = carried.get(name) or estate.streams[0]
        # Under the old name alone: what it has in common with others is derived already.
        once = replace(estate, streams=(replace(stream, envelope_domain=domain, from_domains=()),))
        why = f"{domain} was given up: what was sent with it may still come back"
        for record in mx.records(once):
            yield replace(record, why=why)
        if name in carried:
            for record in spf.records(once, former.draining):
                if is_within(record.owner, domain):
                    yield replace(record, why=why)
