"""The hosts that every lab has: the rest of the internet."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from lab.hosts import network
from lab.hosts.network import Network
from lab.hosts.seed import Seed
from lab.world import ca, certificates, nameserver, providers, web, zone_text
from postroad.dns.check import list_data, lists


@dataclass(frozen=True)
class Surroundings:
    """What a fixed host's files are made from: the network, and the lab's own secrets."""

    network: Network
    run: Path
    data: Path

    def secret(self, name: str, make: Callable[[], str]) -> str:
        """The secret *name* of this lab, made at its first use."""
        place = self.run / "secrets" / name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not place.exists():
            new = place.with_name(name + ".new")
            new.touch(mode=0o600)
            new.write_text(make())
            new.rename(place)
        return place.read_text()

    @property
    def signing_key(self) -> nameserver.SigningKey:
        """The key that signs every zone."""
        return nameserver.SigningKey.from_pem(
            self.secret("dnssec.pem", lambda: nameserver.SigningKey.generate().pem)
        )

    @property
    def tsig_secret(self) -> str:
        """The secret of dynamic updates, in base64."""
        return self.secret("tsig", lambda: nameserver.tsig_secret(secrets.token_bytes(32)))

    @property
    def authority(self) -> str:
        """Key and certificate of the authority that signs the internet's own certificates."""
        return self.secret("authority.pem", certificates.make_authority)

    def certificate(self, host: str) -> str:
        """Key and certificate of *host*."""
        return self.secret(f"{host}.pem", lambda: certificates.issue(self.authority, host))


# Zones that stand ready and empty, as at a registrar's: their owner fills them.
_REGISTERED = ("shop.example.",)

Plant = Callable[[Seed, Surroundings], None]


@dataclass(frozen=True)
class FixedHost:
    """A host of the internet: its last octets, how its files are written, what it shares."""

    suffixes: tuple[int, ...]
    plant: Plant
    mounts: Mapping[str, str] = field(default_factory=dict)


def _name_server(seed: Seed, around: Surroundings) -> None:
    nameserver.plant(seed, around.network, around.signing_key, around.tsig_secret)


def _authority(seed: Seed, around: Surroundings) -> None:
    ca.plant(seed, around.network, around.certificate(ca.NAME))


def _provider(kind: providers.Kind) -> Plant:
    def plant(seed: Seed, around: Surroundings) -> None:
        providers.plant(seed, kind, around.network, around.certificate(kind.mx), around.data)

    return plant


def _shares(kind: providers.Kind) -> dict[str, str]:
    return {f"mail/{kind.name}": "/srv/mail", f"log/{kind.name}": "/srv/log"}


def _shop(seed: Seed, around: Surroundings) -> None:
    """The host of the shop's application, which is its web host too."""
    web.plant(seed, {site: around.certificate(site) for site in web.SITES})


def _outsider(seed: Seed, around: Surroundings) -> None:
    """A stranger needs nothing but what every guest has."""


HOSTS: Mapping[str, FixedHost] = {
    "ns": FixedHost((network.NAMESERVER, network.RESOLVER), _name_server, {"dns": "/srv/dns"}),
    "ca": FixedHost((network.CA,), _authority),
    "bigmail": FixedHost(
        (network.BIGMAIL,), _provider(providers.BIGMAIL), _shares(providers.BIGMAIL)
    ),
    "strictmail": FixedHost(
        (network.STRICTMAIL,), _provider(providers.STRICTMAIL), _shares(providers.STRICTMAIL)
    ),
    "app": FixedHost((network.APPLICATION,), _shop, {"www": web.MOUNT}),
    "outsider": FixedHost((network.OUTSIDER,), _outsider),
}


def records(around: Surroundings) -> list[zone_text.Record]:
    """The records of the fixed hosts."""
    net = around.network
    named = {
        "ns.lab.example.": network.NAMESERVER,
        "resolver.lab.example.": network.RESOLVER,
        f"{ca.NAME}.": network.CA,
        f"{providers.BIGMAIL.mx}.": network.BIGMAIL,
        f"{providers.STRICTMAIL.mx}.": network.STRICTMAIL,
        "app.lab.example.": network.APPLICATION,
        "outsider.lab.example.": network.OUTSIDER,
    }
    rows = [row for name, suffix in named.items() for row in _addresses(net, name, suffix)]
    for kind in providers.KINDS:
        rows += _provider_records(kind)
    # Only one of the providers has DANE (RFC 7672), so that both outcomes are seen.
    strict = providers.STRICTMAIL.mx
    rows.append((f"_25._tcp.{strict}.", 60, "TLSA", certificates.tlsa(around.certificate(strict))))
    return rows


def zones() -> dict[str, list[zone_text.Record]]:
    """The zones beside that of the fixed hosts: the registered ones, and the DNS lists.

    The lists have nobody on them, and the entries by which everybody may test them (RFC 5782 §5).
    """
    ready: dict[str, list[zone_text.Record]] = {zone: [] for zone in _REGISTERED}
    return ready | {f"{one.zone}.": _test_entries(one) for one in list_data.read()}


def _test_entries(one: list_data.DnsList) -> list[zone_text.Record]:
    tests = [ip_address(lists.TEST_ENTRIES[family][0]) for family in one.families]
    code = next(iter(one.listed))
    return [(f"{lists.entry(address, one.zone)}.", 60, "A", code) for address in tests]


def _provider_records(kind: providers.Kind) -> list[zone_text.Record]:
    return [
        (f"{kind.domain}.", 60, "MX", f"10 {kind.mx}."),
        (f"{kind.domain}.", 60, "TXT", '"v=spf1 mx -all"'),
        (f"{kind.mx}.", 60, "TXT", '"v=spf1 a -all"'),
        (f"_dmarc.{kind.domain}.", 60, "TXT", '"v=DMARC1; p=reject"'),
        # The shop's administrator reads reports there (RFC 9990, verifying external destinations).
        (f"*._report._dmarc.{kind.domain}.", 60, "TXT", '"v=DMARC1"'),
    ]


def _addresses(net: Network, name: str, suffix: int) -> list[zone_text.Record]:
    """Forward and reverse records of one name, in both families."""
    return [
        (name, 60, "A", net.ipv4(suffix)),
        (name, 60, "AAAA", net.ipv6(suffix)),
        (zone_text.pointer(net.ipv4(suffix)), 60, "PTR", name),
        (zone_text.pointer(net.ipv6(suffix)), 60, "PTR", name),
    ]
