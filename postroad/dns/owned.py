"""Which of the records at a name are ours to replace, and which are somebody else's.

A zone has other uses than mail. What is ours is told from the name and the kind of a record alone,
because postroad remembers nothing:

- Of TXT records only those of a kind that the estate wants at that name: ``v=spf1``, ``v=DMARC1``,
  ``v=STSv1``, ``v=TLSRPTv1``, and keys at a selector. All other strings at the name are kept.
- Other RRsets are the estate's whole at names that only its mail uses: hosts, HELO names, envelope
  domains, addresses.
- A zone's apex and the domains in From: are shared with people and web sites. What stands there,
  an MX or a CAA for instance, is never replaced: it has to hold what the estate wants, or is
  reported.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from dns.name import Name
from dns.rdata import Rdata
from dns.rdtypes.ANY.TXT import TXT

from postroad.dns.rrset import RRset, content

# Version tags in any case: a slip of the pen is still a record of its kind, and in the way.
_VERSION = re.compile(rb"\s*v\s*=\s*([a-z0-9]+)(?=[;\s]|$)", re.IGNORECASE)
# RFC 6376 §3.6.1: the version is optional in a key, p= is not.
_KEY = re.compile(rb"(^|;)\s*p\s*=", re.IGNORECASE)


def foreign(wanted: RRset, seen: RRset, shared: Collection[Name]) -> tuple[Rdata, ...]:
    """The records of ``seen`` that are not ours: neither wanted nor ours to replace.

    ``shared`` are names that others use as well.
    """
    wanted_contents = {content(rdata) for rdata in wanted.rdatas}
    ours = {kind(wanted.name, rdata) for rdata in wanted.rdatas} - {None}

    def is_foreign(rdata: Rdata) -> bool:
        if content(rdata) in wanted_contents:
            return False
        if isinstance(rdata, TXT):
            return kind(wanted.name, rdata) not in ours
        return wanted.name in shared

    return tuple(rdata for rdata in seen.rdatas if is_foreign(rdata))


def kind(name: Name, rdata: Rdata) -> bytes | None:
    """What a TXT record is for, by its version, in lower case; None where it does not say so."""
    if not isinstance(rdata, TXT):
        return None
    text = b"".join(rdata.strings)
    version = _VERSION.match(text)
    if version:
        return version[1].lower()
    if _is_selector(name.labels) and _KEY.search(text):
        return b"dkim1"
    return None


def _is_selector(labels: Iterable[bytes]) -> bool:
    return b"_domainkey" in [label.lower() for label in labels]
