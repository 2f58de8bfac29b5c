"""octoDNS's YAML: one document a zone, as its YamlProvider reads it.

octoDNS knows the interfaces of the DNS providers; none of them is written here. Form: octoDNS's
documentation, "Records", and what its YamlProvider demands: names relative to the zone in natural
order, keys in alphabetical order, and ``\\;`` for a semicolon in a TXT value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import yaml
from dns.rdata import Rdata
from dns.rdtypes.ANY.CAA import CAA
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TLSA import TLSA
from dns.rdtypes.ANY.TXT import TXT

from postroad.dns.names import between
from postroad.dns.record import Record
from postroad.dns.rrset import RRset, rrsets

_HEADING = """\
# What the estate needs in {zone}: a part of the zone. octoDNS takes its sources together for the
# whole, so list this folder beside the source of the rest, or have octoDNS mark what it made
# (`postroad docs octodns`): it plans to delete the rest otherwise. Read its plan before --doit:
# an Update of what was not set for this estate, as another SPF or DMARC record,
# takes away what others live by. Name another domain in the estate instead.
{wildcard}---
"""

_WILDCARD = """\
# By what is beneath them, these names come to exist: {names}.
# Where a wildcard (*) of the zone serves one of them, it will not any more: write what it holds at
# that name first.
"""


def document(zone: str, records: Iterable[Record]) -> str:
    """The YAML of ``zone``'s part of the estate; ``records`` are all in the zone.

    Each name stands below the reasons for its records.
    """
    everything = tuple(records)
    named: dict[str, list[Record]] = {}
    for record in everything:
        named.setdefault(_relative(record.owner, zone), []).append(record)
    blocks = (_block(name, named[name]) for name in sorted(named, key=_natural))
    alone = between((r.owner for r in everything if r.type != "PTR"), zone)
    wildcard = _WILDCARD.format(names=", ".join(alone)) if alone else ""
    return _HEADING.format(zone=zone, wildcard=wildcard) + "".join(blocks)


def file_name(zone: str) -> str:
    """What the YamlProvider calls the file of ``zone``."""
    return f"{zone}.yaml"


def _block(name: str, records: Iterable[Record]) -> str:
    everything = tuple(records)
    why = "".join(f"# {reason}\n" for reason in dict.fromkeys(r.why for r in everything))
    entries = [_entry(rrset) for rrset in sorted(rrsets(everything), key=lambda one: one.type.name)]
    # One line a value: octoDNS joins folded lines well, people do not.
    text: str = yaml.safe_dump({name: entries}, width=100_000)
    return why + text


def _entry(rrset: RRset) -> dict[str, object]:
    values = [_value(rdata) for rdata in rrset.rdatas]
    held = {"value": values[0]} if len(values) == 1 else {"values": values}
    return {"ttl": rrset.ttl, "type": rrset.type.name, **held}


def _relative(owner: str, zone: str) -> str:
    return owner.lower().removesuffix(zone.lower()).removesuffix(".")


def _natural(name: str) -> list[object]:
    """Text and numbers in turn, so that mail2 comes before mail10."""
    parts = re.split("([0-9]+)", name)
    return [int(part) if part.isdigit() else part for part in parts]


def _value(rdata: Rdata) -> object:
    """Of most types the value is simply their text (RFC 1035 §5.1); these are the others."""
    match rdata:
        case TXT():
            return b"".join(rdata.strings).decode("ascii").replace(";", "\\;")
        case MX():
            return {"exchange": str(rdata.exchange), "preference": rdata.preference}
        case CAA():
            tag, value = rdata.tag.decode("ascii"), rdata.value.decode("ascii")
            return {"flags": rdata.flags, "tag": tag, "value": value}
        case TLSA():
            return {
                "certificate_association_data": rdata.cert.hex(),
                "certificate_usage": rdata.usage,
                "matching_type": rdata.mtype,
                "selector": rdata.selector,
            }
    return rdata.to_text()
