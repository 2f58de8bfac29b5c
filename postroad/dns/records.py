"""Every record the estate needs, derived from the model and the hosts' public halves alone."""

from __future__ import annotations

from collections.abc import Iterable

from postroad.dns import (
    addresses,
    caa,
    dkim,
    dmarc,
    former,
    mta_sts,
    mx,
    nothing,
    pointers,
    spf,
    tls_rpt,
    tlsa,
    unsubscribe,
)
from postroad.dns.dkim import LiveKey, UnusableKeyError
from postroad.dns.former import NOTHING, Former
from postroad.dns.record import Record, RecordType
from postroad.dns.tlsa import LiveCertificate
from postroad.settings.model import Estate

__all__ = ["LiveCertificate", "LiveKey", "Record", "RecordType", "UnusableKeyError", "derive"]


def derive(
    estate: Estate,
    keys: Iterable[LiveKey],
    certificates: Iterable[LiveCertificate] = (),
    given_up: Former = NOTHING,
) -> tuple[Record, ...]:
    """The records of ``estate``, each once, in an order that depends on nothing but the records.

    Owners come as in a sorted zone (RFC 4034 §6.1: by labels, the last label first), then type,
    then data. Host names, HELO names and envelope domains may coincide: a record that two of them
    need is given once, with the first reason. TLSA records come from ``certificates`` alone: what
    opens a stream needs none. ``given_up`` is what mail is still under way of. UnusableKeyError
    where the keys fit in no zone.
    """
    found = [
        *addresses.records(estate),
        *pointers.records(estate),
        *mx.records(estate),
        *spf.records(estate, given_up.draining),
        *dkim.records(estate, keys),
        *dmarc.records(estate),
        *mta_sts.records(estate),
        *tls_rpt.records(estate),
        *tlsa.records(estate, certificates),
        *caa.records(estate),
        *nothing.records(estate),
        *unsubscribe.records(estate),
        *former.records(estate, given_up),
    ]
    each_once = {(r.owner, r.type, r.data): r for r in reversed(found)}
    return tuple(sorted(each_once.values(), key=_place))


def _place(record: Record) -> tuple[list[str], str, str]:
    return record.owner.split(".")[::-1], record.type, record.data
