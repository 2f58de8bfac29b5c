"""The steps of publishing: look, plan, change, look again; zones side by side."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import dns.name
from dns.name import Name
from dns.update import UpdateMessage

from postroad.dns.changes import ZonePlan, brought, doubtful, plan, questions, update
from postroad.dns.primary import PrimaryError
from postroad.dns.record import Record
from postroad.dns.rrset import Key, RRset
from postroad.settings.model import Estate


class Holder(Protocol):
    """What a zone's primary is asked for; see `postroad.dns.primary.Primary`."""

    def look(self, keys: Iterable[Key]) -> Mapping[Key, RRset]:
        """What it holds of ``keys``."""

    def has(self, keys: Iterable[Key]) -> frozenset[Key]:
        """Those of ``keys`` that no wildcard made."""

    def served(self, names: Iterable[Name]) -> Mapping[Name, tuple[RRset, ...]]:
        """Those of ``names`` that do not exist and that a wildcard answers for, and what."""

    def change(self, message: UpdateMessage) -> None:
        """Carry an update out."""


@dataclass(frozen=True, slots=True)
class Place:
    """A zone, what the estate wants in it and no longer in it, and who holds it."""

    zone: str
    records: tuple[Record, ...]
    gone: tuple[Record, ...]
    primary: Holder
    shared: frozenset[Name]


def shared_names(estate: Estate) -> frozenset[Name]:
    """The names that others than the estate's mail use too: apexes, and the domains in From:."""
    apexes = (zone.name for zone in estate.dns.zones)
    return frozenset(dns.name.from_text(name) for name in (*apexes, *estate.from_domains))


def look(places: Collection[Place]) -> dict[str, ZonePlan | PrimaryError]:
    """The plan of every place, or why there is none, by zone."""
    return _side_by_side(places, _planned)


def carry_out(
    places: Collection[Place], plans: Mapping[str, ZonePlan]
) -> dict[str, ZonePlan | PrimaryError]:
    """Change what ``plans`` say, then look again: what each zone lacks now, or what went wrong."""
    changing = [place for place in places if plans[place.zone].to_do]

    def change(place: Place) -> ZonePlan:
        place.primary.change(update(plans[place.zone]))
        return _planned(place)

    return _side_by_side(changing, change)


def _planned(place: Place) -> ZonePlan:
    seen = dict(place.primary.look(questions((*place.records, *place.gone))))
    first = plan(place.zone, place.records, place.gone, seen, place.shared)
    real: frozenset[Key] = frozenset()
    # Behind one that a wildcard made, another may come to light.
    while suspects := [key for key in doubtful(first) if key not in real]:
        real |= place.primary.has(suspects)
        seen = {key: found for key, found in seen.items() if key in real or key not in suspects}
        first = plan(place.zone, place.records, place.gone, seen, place.shared)
    names = brought(first)
    if not names:
        return first
    served = place.primary.served(names)
    return plan(place.zone, place.records, place.gone, seen, place.shared, served)


def _side_by_side(
    places: Collection[Place], work: Callable[[Place], ZonePlan]
) -> dict[str, ZonePlan | PrimaryError]:
    def told(place: Place) -> ZonePlan | PrimaryError:
        try:
            return work(place)
        except PrimaryError as error:
            return error

    with ThreadPoolExecutor(max_workers=max(len(places), 1)) as pool:
        return dict(zip((p.zone for p in places), pool.map(told, places), strict=True))
