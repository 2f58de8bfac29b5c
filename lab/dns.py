"""The lab's DNS: a signed root, and below it every zone that somebody loads."""

import base64
import fcntl
import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.dnssec
import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.DNSKEY
import dns.tsig
import dns.zone
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lab.errors import LabError
from lab.fill import fill
from lab.guest import Guest, Seed
from lab.network import NAMESERVER, RESOLVER, Network

Record = tuple[str, int, str, str]
"""Owner (absolute), TTL in seconds, type, rdata in presentation form (RFC 1035 §5)."""

SERVER_NAME = "ns.lab.example."
TOP_LEVEL = "example."
TSIG_NAME = "operator."

_TTL = 60
# Refresh, retry, expire, and the TTL of negative answers (RFC 2308 §5): a name that a test is
# about to publish may have been asked for a moment ago.
_SOA_TIMES = "3600 600 86400 1"
_ECDSA_P256 = 13
_KSK_FLAGS = 257
_MOUNT = "/srv/dns"
# What makes a zone, rather than stands in it.
_CUTS = ("SOA", "NS", "DS")


@dataclass(frozen=True)
class SigningKey:
    """The key that signs every zone of one lab."""

    pem: str
    dnskey: dns.rdtypes.ANY.DNSKEY.DNSKEY

    @classmethod
    def from_pem(cls, pem: str) -> "SigningKey":
        """The key in *pem* (PKCS #8)."""
        private = serialization.load_pem_private_key(pem.encode(), password=None)
        dnskey = dns.dnssec.make_dnskey(private.public_key(), _ECDSA_P256, _KSK_FLAGS)  # type: ignore[arg-type]
        return cls(pem, dnskey)

    @classmethod
    def generate(cls) -> "SigningKey":
        """A new ECDSA P-256 key (RFC 6605)."""
        private = ec.generate_private_key(ec.SECP256R1())
        pem = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return cls.from_pem(pem.decode())

    def ds(self, zone: str) -> str:
        """The rdata of the zone's DS record (RFC 4509)."""
        return dns.dnssec.make_ds(dns.name.from_text(zone), self.dnskey, "SHA256").to_text()


def root_hints(network: Network) -> str:
    """The hints file of the lab's root (RFC 8109)."""
    return (
        f". 3600000 IN NS {SERVER_NAME}\n"
        f"{SERVER_NAME} 3600000 IN A {network.ipv4(NAMESERVER)}\n"
        f"{SERVER_NAME} 3600000 IN AAAA {network.ipv6(NAMESERVER)}\n"
    )


def trust_anchor(key: SigningKey) -> str:
    """The trust anchor of the lab's root, as a DS record."""
    return f". 86400 IN DS {key.ds('.')}\n"


def plant(seed: Seed, network: Network, key: SigningKey, tsig_secret: str) -> None:
    """Write the files of the host that has the authoritative server and the resolver."""
    seed.file("/etc/knot/lab.pem", key.pem, 0o600, "knot")
    conf = fill(
        "knot.conf",
        ipv4=network.ipv4(NAMESERVER),
        ipv6=network.ipv6(NAMESERVER),
        ipv4_range=str(network.ipv4_range),
        ipv6_range=str(network.ipv6_range),
        tsig_name=TSIG_NAME.rstrip("."),
        tsig_secret=tsig_secret,
    )
    seed.file("/etc/knot/knot.conf", conf, 0o640, "knot")
    seed.file("/etc/unbound/root.hints", root_hints(network))
    seed.file("/etc/unbound/root.key", trust_anchor(key))
    resolver = fill("unbound.conf", ipv4=network.ipv4(RESOLVER), ipv6=network.ipv6(RESOLVER))
    seed.file("/etc/unbound/unbound.conf", resolver)
    seed.enable("knot.service")
    seed.enable("unbound.service")


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
            added = {_absolute(zone): list(records) for zone, records in zones.items()}
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
                    owners = {_absolute(owner) for owner, *_ in zones[zone]}
                    kept = [row for row in before[zone] if _absolute(row[0]) not in owners]
                    zones[zone] = kept + zones[zone]
            self._save(before, before | zones)

    def withdraw(self, owner: str, kind: str | None = None) -> None:
        """Remove the records of *owner*, or those of one type; raise LabError if there are none."""
        with self._changing() as before:
            zone = self._zone_of(owner)
            gone = [
                row
                for row in before.get(zone, [])
                if _absolute(row[0]) == _absolute(owner) and kind in (None, row[2])
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
        served = {_plain(row) for row in rows}
        kept = [row for row in stored if row[2] in _CUTS or _plain(row) in served]
        known = {_plain(row) for row in kept}
        return kept + [row for row in rows if _plain(row) not in known]

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
        texts = {zone: self._text(zone, after) for zone in after}
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

    def _text(self, zone: str, zones: Mapping[str, list[Record]]) -> str:
        """The zone file: the given records, apex, and delegations with DS for its children."""
        records = list(zones[zone])
        apex = {kind for owner, _, kind, _ in records if _absolute(owner) == zone}
        if "SOA" not in apex:
            contact = f"{SERVER_NAME} hostmaster.lab.example. 1 {_SOA_TIMES}"
            records.append((zone, 1, "SOA", contact))
        if "NS" not in apex:
            records.append((zone, _TTL, "NS", SERVER_NAME))
        for child in _children(zone, zones):
            records.append((child, _TTL, "NS", SERVER_NAME))
            records.append((child, _TTL, "DS", self.key.ds(child)))
        network = self.guest.network
        server = dns.name.from_text(SERVER_NAME)
        if zone in (".", TOP_LEVEL):
            # Glue (RFC 9471): the server's own name is below both.
            records.append((server.to_text(), _TTL, "A", network.ipv4(NAMESERVER)))
            records.append((server.to_text(), _TTL, "AAAA", network.ipv6(NAMESERVER)))
        return "".join(f"{_line(record)}\n" for record in records)


def _commands(new: list[str], changed: list[str], gone: list[str]) -> str:
    """What the name server's host runs to take changed files up; stops at the first failure."""
    lines = ["set -e"]
    lines += [
        f"setpriv --reuid=knot --regid=knot --clear-groups keymgr '{zone}' import-pem "
        f"/etc/knot/lab.pem algorithm={_ECDSA_P256} ksk=yes zsk=yes >/dev/null"
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


def _children(zone: str, zones: Mapping[str, list[Record]]) -> list[str]:
    """The zones whose closest enclosing zone is *zone*."""
    names = {other: dns.name.from_text(other) for other in zones}

    def parent(child: str) -> str:
        above = [
            other
            for other, name in names.items()
            if other != child and names[child].is_subdomain(name)
        ]
        return max(above, key=lambda other: len(names[other]))

    return [other for other in zones if other != "." and parent(other) == zone]


def _line(record: Record) -> str:
    owner, ttl, kind, rdata = record
    try:
        dns.rdata.from_text("IN", kind, rdata)
    except (dns.exception.DNSException, ValueError) as error:
        raise LabError(f"{owner} {kind} {rdata}: not a valid record: {error}") from error
    return f"{_absolute(owner)} {ttl} IN {kind} {rdata}"


def _plain(record: Record) -> tuple[str, int, str, dns.rdata.Rdata]:
    """The record in a form that is the same however it was written."""
    owner, ttl, kind, rdata = record
    return _absolute(owner), ttl, kind, dns.rdata.from_text("IN", kind, rdata)


def _absolute(name: str) -> str:
    if not name.endswith("."):
        raise LabError(f"{name}: not an absolute name: write {name}.")
    return name.lower()


def _replace(place: Path, text: str) -> None:
    new = place.with_name(place.name + ".new")
    new.write_text(text)
    new.rename(place)


def pointer(address: str) -> str:
    """The name of the address's PTR record (RFC 1035 §3.5, RFC 3596 §2.5)."""
    return ipaddress.ip_address(address).reverse_pointer + "."


def tsig_secret(random: bytes) -> str:
    """A TSIG secret (RFC 8945) from 32 random bytes, in base64."""
    return base64.b64encode(random).decode()
