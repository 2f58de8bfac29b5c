"""The records of envelope domains that the estate has given up, while mail may still come back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from postroad.dns import mx, spf
from postroad.dns.names import is_within
from postroad.dns.record import Record
from postroad.settings.model import Estate, Stream


def records(estate: Estate, former: Iterable[tuple[str, str]]) -> Iterator[Record]:
    """MX and SPF of each ``former`` (stream, envelope domain).

    Of a stream that no host carries any more there is no SPF record: from where its last mail
    leaves, the hosts know that drain it, and who runs them is told to leave the record.
    """
    carried: dict[str, Stream] = {stream.name: stream for stream in estate.streams}
    for name, domain in dict.fromkeys(former):
        stream = carried.get(name) or estate.streams[0]
        # Under the old name alone: what it has in common with others is derived already.
        once = replace(estate, streams=(replace(stream, envelope_domain=domain, from_domains=()),))
        why = f"{domain} was given up: what was sent with it may still come back"
        for record in mx.records(once):
            yield replace(record, why=why)
        if name in carried:
            for record in spf.records(once):
                if is_within(record.owner, domain):
                    yield replace(record, why=why)
