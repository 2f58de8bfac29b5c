"""One resource record, as the operator's DNS is to hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RecordType = Literal["A", "AAAA", "CAA", "CNAME", "MX", "PTR", "TLSA", "TXT"]


@dataclass(frozen=True, slots=True)
class Record:
    """A record with the reason for its being.

    ``owner`` is an absolute name without the trailing dot, ``ttl`` is in seconds, ``data`` is the
    rdata in presentation format (RFC 1035 §5.1; names in it end in a dot), ``why`` is one line.
    """

    owner: str
    ttl: int
    type: RecordType
    data: str
    why: str
