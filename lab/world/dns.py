"""The zones of a running lab: a signed root, and below it every zone that somebody loads."""

import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.name
import dns.query
import dns.rdata
import dns.rdatatype
import dns.zone

from lab.hosts.errors import LabError
from lab.hosts.guest import Guest
from lab.world.nameserver import ECDSA_P256, SigningKey
from lab.world.zone_text import TOP_LEVEL, Record, absolute, plain, zone_text

# What makes a zone, rather than stands in it.
_CUTS = ("SOA", "NS", "DS")


@dataclass(frozen=True)
class Dns:
    """The zones of a running lab."""

    guest: Guest
    directory: Path
    key: SigningKey
    tsig_secret: str

    def prepare(self) -> None:
        """Leave the name server without zones, before its host is born; what was loaded is kept."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for old in self.directory.glob("*.zone"):
            old.unlink()
        (self.directory / "zones.conf").write_text("")
        (self.directory / "is-started").unlink(missing_ok=True)

    def start(self, base: Iterable[Record], others: Mapping[str, list[Record]]) -> None:
        """Load the lab's own zones (root, top-level domain, reverse zones, those of *base*, and
        *others* by name), and again what was there before the name server's host was born anew."""
        network = self.guest.network
        fixed = [".", TOP_LEVEL, network.ipv4_reverse_zone, network.ipv6_reverse_zone]
        zones: dict[str, list[Record]] = {zone: [] for zone in fixed} | dict(others)
        for record in base:
            zones.setdefault(self._zone_of(record[0]), []).append(record)
        was_base, loaded = self._load("base.json"), self._load("zones.json")
        own = {
            zone: [row for row in rows if row not in was_base.get(zone, [])]
            for zone, rows in loaded.items()
        }
        _replace(self.directory / "base.json", json.dumps(zones))
        with_own = {zone: [*rows, *own.pop(zone, [])] for zone, rows in zones.items()}
        self._save({}, with_own | {zone: rows for zone, rows in own.items() if rows})
        _replace(self.directory / "is-started", "")

    def is_started(self) -> bool:
        """Whether the lab's own zones are loaded."""
        return (self.directory / "is-started").exists()

    def zones(self) -> list[str]:
        """The names of all zones, the lab's own included."""
        return list(self._load("zones.json"))

    def dump(self, zone: str) -> list[Record]:
        """The zone as it is served, without what signing added."""
        transfer = dns.query.xfr(self.guest.ipv4[0], zone, relativize=False, lifetime=5)
        content = dns.zone.from_xfr(transfer, relativize=False)
        added = {"RRSIG", "NSEC", "DNSKEY", "CDS", "CDNSKEY"}
        return [
            (owner.to_text(), rdataset.ttl, dns.rdatatype.to_text(rdataset.rdtype), rdata.to_text())
            for owner, rdataset in content.iterate_rdatasets()
            for rdata in rdataset
            if dns.rdatatype.to_text(rdataset.rdtype) not in added
        ]

    def load_zone(self, name: str, records: Iterable[Record]) -> None:
        """Create or replace the whole zone *name*; returns when every resolver can see it.

        SOA and NS are added where *records* have none. Raises LabError for a faulty record.
        """
        self.load_zones({name: list(records)})

    def load_zones(self, zones: Mapping[str, Iterable[Record]]) -> None:
        """Create or replace several zones at once."""
        with self._changing() as before:
            added = {absolute(zone): list(records) for zone, records in zones.items()}
            self._save(before, before | added)

    def take_up(self) -> None:
        """Keep what dynamic updates changed, and have every resolver see it."""
        with self._changing() as before:
            self._save(before, before)

    def publish(self, records: Iterable[Record]) -> None:
        """Publish records as a whole: they become all that the zones have that they are in.

        A zone is a child of `example.`. A reverse zone is everybody's: there, the records
        replace those of the same owner only.
        """
        with self._changing() as before:
            zones: dict[str, list[Record]] = {}
            for record in records:
                zones.setdefault(self._zone_of(record[0]), []).append(record)
            for zone in self._shared():
                if zone in zones:
                    owners = {absolute(owner) for owner, *_ in zones[zone]}
                    kept = [row for row in before[zone] if absolute(row[0]) not in owners]
                    zones[zone] = kept + zones[zone]
            self._save(before, before | zones)

    def withdraw(self, owner: str, kind: str | None = None) -> None:
        """Remove the records of *owner*, or those of one type; raise LabError if there are none."""
        with self._changing() as before:
            zone = self._zone_of(owner)
            gone = [
                row
                for row in before.get(zone, [])
                if absolute(row[0]) == absolute(owner) and kind in (None, row[2])
            ]
            if not gone:
                raise LabError(f"no {kind or 'record'} at {owner} to withdraw")
            self._save(before, before | {zone: [row for row in before[zone] if row not in gone]})

    def remove_zone(self, name: str) -> None:
        """Remove a zone that was loaded."""
        with self._changing() as before:
            self._save(before, {zone: rows for zone, rows in before.items() if zone != name})

    def clear(self) -> None:
        """Back to the lab's own zones."""
        with self._changing() as before:
            self._save(before, self._load("base.json"))

    def flush(self) -> None:
        """Empty the public resolver's cache."""
        self.guest.run("unbound-control flush_zone . && unbound-control flush_infra all")

    @contextmanager
    def _changing(self) -> Iterator[dict[str, list[Record]]]:
        """All zones as they are served, while nobody else changes their files."""
        with (self.directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield {
                zone: self._served(zone, rows) for zone, rows in self._load("zones.json").items()
            }

    def _served(self, zone: str, stored: list[Record]) -> list[Record]:
        """The rows of *zone* after its dynamic updates: a file that lacks them would undo them.

        SOA, NS and DS are the lab's own, and so are the root and the top-level domain.
        """
        if zone in (".", TOP_LEVEL):
            return stored
        rows = [row for row in self.dump(zone) if row[2] not in _CUTS]
        served = {plain(row) for row in rows}
        kept = [row for row in stored if row[2] in _CUTS or plain(row) in served]
        known = {plain(row) for row in kept}
        return kept + [row for row in rows if plain(row) not in known]

    def _shared(self) -> tuple[str, ...]:
        network = self.guest.network
        return (network.ipv4_reverse_zone, network.ipv6_reverse_zone, TOP_LEVEL)

    def _zone_of(self, owner: str) -> str:
        name = dns.name.from_text(owner)
        network = self.guest.network
        for zone in (network.ipv4_reverse_zone, network.ipv6_reverse_zone):
            if name.is_subdomain(dns.name.from_text(zone)):
                return zone
        top = dns.name.from_text(TOP_LEVEL)
        if not name.is_subdomain(top):
            raise LabError(f"{owner}: not below {TOP_LEVEL} and not an address of the lab")
        if name == top:
            return TOP_LEVEL
        return name.split(3)[1].to_text()

    def _load(self, name: str) -> dict[str, list[Record]]:
        place = self.directory / name
        if not place.exists():
            return {}
        stored: dict[str, list[list[str]]] = json.loads(place.read_text())
        return {
            zone: [(owner, int(ttl), kind, rdata) for owner, ttl, kind, rdata in rows]
            for zone, rows in stored.items()
        }

    def _save(self, before: Mapping[str, list[Record]], after: Mapping[str, list[Record]]) -> None:
        """Write every zone file that changed and have the servers take it up."""
        texts = {zone: zone_text(zone, after, self.key, self.guest.network) for zone in after}
        changed = [zone for zone in after if self._changed(zone, texts[zone])]
        gone = [zone for zone in before if zone not in after]
        for zone in changed:
            _replace(self._file(zone), texts[zone])
        for zone in gone:
            self._file(zone).unlink(missing_ok=True)
        rows = [f'  - domain: "{zone}"\n    file: "{self._file(zone).name}"\n' for zone in after]
        _replace(self.directory / "zones.conf", "zone:\n" + "".join(rows))
        new = [zone for zone in after if zone not in before]
        self.guest.run(_commands(new, changed, gone))
        _replace(self.directory / "zones.json", json.dumps(after))

    def _file(self, zone: str) -> Path:
        return self.directory / f"{zone.rstrip('.') or 'root'}.zone"

    def _changed(self, zone: str, text: str) -> bool:
        place = self._file(zone)
        return not place.exists() or place.read_text() != text


def _commands(new: list[str], changed: list[str], gone: list[str]) -> str:
    """What the name server's host runs to take changed files up; stops at the first failure."""
    lines = ["set -e"]
    lines += [
        f"setpriv --reuid=knot --regid=knot --clear-groups keymgr '{zone}' import-pem "
        f"/etc/knot/lab.pem algorithm={ECDSA_P256} ksk=yes zsk=yes >/dev/null"
        for zone in new
    ]
    lines.append("knotc -b reload >/dev/null")
    if changed:
        lines.append(f"knotc -b zone-reload {' '.join(changed)} >/dev/null")
    if gone:
        lines.append(f"knotc -f zone-purge +orphan {' '.join(gone)} >/dev/null")
    lines.append("unbound-control flush_zone . >/dev/null")
    lines.append("unbound-control flush_infra all >/dev/null")
    return "\n".join(lines)


def _replace(place: Path, text: str) -> None:
    new = place.with_name(place.name + ".new")
    new.write_text(text)
    new.rename(place)
