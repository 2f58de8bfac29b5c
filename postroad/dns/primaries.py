"""The edge that knows who holds the estate's zones: their primaries, and the keys to them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from postroad.dns.primary import Primary
from postroad.dns.publishing import Place, shared_names
from postroad.dns.record import Record
from postroad.dns.zones import divide
from postroad.settings.model import Estate
from postroad.settings.secrets import resolve


def places(
    estate: Estate, base: Path, records: Iterable[Record], gone: Iterable[Record]
) -> list[Place]:
    """Every declared zone with what it is to hold of ``records``, and no longer of ``gone``.

    Relative paths of key files start at ``base``. SecretError where a key cannot be read.
    """
    declared = {zone.name: zone for zone in estate.dns.zones}
    leaving = dict(divide(gone, declared).inside)
    shared = shared_names(estate)
    return [
        Place(
            name,
            held,
            leaving[name],
            Primary(declared[name], resolve(declared[name].key, base)),
            shared,
        )
        for name, held in divide(records, declared).inside
    ]
