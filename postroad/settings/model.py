"""The estate: everything one operator declares, as frozen, validated data.

Nothing here reads a file, a clock or a network. `postroad.settings.read` builds these objects from
the operator's ``estate`` dictionary and reports every fault at once; the rest of postroad only
reads them. Addresses are `ipaddress` objects, names are lower-case without a trailing dot, sizes
are bytes and durations are Postfix time values (``30s``, ``4h``, ``1d``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

StreamName = Literal["transactional", "marketing"]
STREAM_NAMES: tuple[StreamName, ...] = ("transactional", "marketing")

# Units of time values (postconf(5), "TIME").
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

OutboundTls = Literal["dane", "may"]
DmarcPolicy = Literal["none", "quarantine", "reject"]
MtaStsMode = Literal["testing", "enforce"]
Adopt = Literal["refuse", "purge"]


def seconds(value: str) -> int:
    """A Postfix time value in seconds."""
    return int(value[:-1]) * _SECONDS[value[-1]]


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is read from, on the controller, at the moment it is needed.

    ``env`` names an environment variable, ``file`` a path, ``command`` a command whose standard
    output is the secret (``sops -d …``, ``pass show …``). The value itself is never in the model.
    """

    source: Literal["env", "file", "command"]
    value: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Admin:
    """Who runs the estate: the only recipient of root's and cron's mail, and where SSH is open."""

    email: str
    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class WayOut:
    """How one stream's mail leaves one host: local addresses, and the name they say in HELO.

    ``helo`` is the PTR name of each address and resolves back to it (FCrDNS); it is also the name
    that the shop's applications submit to.
    """

    stream: StreamName
    ipv4: IPv4Address | None
    ipv6: IPv6Address | None
    helo: str
    starttls_port: int
    tls_port: int
    selector_label: str

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(a for a in (self.ipv4, self.ipv6) if a is not None)


@dataclass(frozen=True, slots=True)
class Host:
    """One server: its inventory name, its own name and addresses, and its ways out."""

    name: str
    hostname: str
    ipv4: IPv4Address | None
    ipv6: IPv6Address | None
    shared_address: bool
    inbound: bool
    ways_out: tuple[WayOut, ...]

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(a for a in (self.ipv4, self.ipv6) if a is not None)

    @property
    def streams(self) -> tuple[StreamName, ...]:
        return tuple(way.stream for way in self.ways_out)

    def way_out(self, stream: StreamName) -> WayOut:
        """The way out of ``stream`` on this host; KeyError where the host does not carry it."""
        for way in self.ways_out:
            if way.stream == stream:
                return way
        raise KeyError(f"host {self.name} carries no {stream} stream")

    @property
    def certificate_names(self) -> tuple[str, ...]:
        """Every name a client may connect to, the host's own first, each once."""
        return tuple(dict.fromkeys([self.hostname, *(way.helo for way in self.ways_out)]))


@dataclass(frozen=True, slots=True)
class User:
    """A submission login. Two hashes are valid at once while a password is being changed.

    ``from_addresses`` are what the From: header may hold: a whole address, or ``@domain`` for every
    address at exactly that domain. ``envelope_senders`` are what MAIL FROM may be, whole addresses
    all; of the stream's ``bounce_address`` with any extension as well (``bounce+anything@``, VERP).
    """

    name: str
    password_hashes: tuple[str, ...] = field(repr=False)
    from_addresses: tuple[str, ...]
    envelope_senders: tuple[str, ...]

    @property
    def login(self) -> str:
        """The name as the daemons have it: in small letters. A client may write it in any case,
        and of names that differ in nothing else the settings take one."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one stream may hold and how long; see postconf(5) for each parameter."""

    message_size: int
    recipients_per_message: int
    queue_lifetime: str
    queue_minfree: int
    active_messages: int
    delivery_processes: int
    connections_per_client: int

    @property
    def queue_seconds(self) -> int:
        """``queue_lifetime`` in seconds."""
        return seconds(self.queue_lifetime)


def bounce_address(envelope_domain: str) -> str:
    """Where bounces come back to unless another address is named."""
    return f"bounce@{envelope_domain}"


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of mail with its own reputation."""

    name: StreamName
    from_domains: tuple[str, ...]
    envelope_domain: str
    clients: tuple[Network, ...]
    users: tuple[User, ...]
    outbound_tls: OutboundTls
    sign_headers: tuple[str, ...]
    oversign_headers: tuple[str, ...]
    limits: Limits

    @property
    def bounce_address(self) -> str:
        return bounce_address(self.envelope_domain)

    @property
    def return_paths(self) -> tuple[str, ...]:
        """Every address that bounces come back to, in lower case: `bounce_address` and what logins
        name besides. What is submitted has one of them, and inbound takes them all."""
        named = (sender.lower() for user in self.users for sender in user.envelope_senders)
        return tuple(dict.fromkeys([self.bounce_address, *named]))


@dataclass(frozen=True, slots=True)
class Http01:
    """ACME by a web server on port 80 that lives only during the challenge (RFC 8555 §8.3)."""


@dataclass(frozen=True, slots=True)
class Dns01:
    """ACME by a TXT record set through RFC 2136, for names the public web cannot reach.

    ``propagation`` is how many seconds all name servers of the zone may take to have the record.
    """

    server: Address
    port: int
    key_name: str
    algorithm: str
    key: SecretRef
    propagation: int


@dataclass(frozen=True, slots=True)
class AcmeTls:
    """A certificate from an ACME authority; ``ca_file`` is the root of a private one.

    ``caa`` is the authority's own domain, as CAA records name it (RFC 8659 §4.2); None where no CAA
    record is wanted.
    """

    directory: str
    email: str
    ca_file: str | None
    challenge: Http01 | Dns01
    caa: str | None


@dataclass(frozen=True, slots=True)
class SuppliedTls:
    """A certificate chain and key that the operator brings, the same on every host."""

    chain_file: str
    key: SecretRef


@dataclass(frozen=True, slots=True)
class NoTls:
    """No certificate: submission stays closed, and every run says so."""


Tls = AcmeTls | SuppliedTls | NoTls


@dataclass(frozen=True, slots=True)
class OnHost:
    """A file that is on the host already, by its whole path. Its content never leaves the host."""

    path: str


@dataclass(frozen=True, slots=True)
class SuppliedKey:
    """A DKIM key that the operator brings, or has on the host, instead of one made there."""

    host: str
    stream: StreamName
    domain: str
    selector: str
    key: SecretRef | OnHost


@dataclass(frozen=True, slots=True)
class Dkim:
    """How long a key made on a host signs, and how long a revoked one stays in the DNS."""

    rotate_days: int
    revoked_days: int


@dataclass(frozen=True, slots=True)
class Dmarc:
    """The DMARC record of every sending domain (RFC 9989); ``reports`` receives rua.

    ``stages`` are the sending domains whose policy differs from ``policy``.
    """

    policy: DmarcPolicy
    reports: str
    stages: tuple[tuple[str, DmarcPolicy], ...]

    def policy_of(self, domain: str) -> DmarcPolicy:
        """The policy of one sending domain."""
        return dict(self.stages).get(domain, self.policy)


@dataclass(frozen=True, slots=True)
class MtaSts:
    """What those who send to the envelope domains must demand of their MX (RFC 8461).

    ``max_age`` is in seconds. ``web_host`` serves the policy file of each of these domains.
    """

    mode: MtaStsMode
    max_age: int
    web_host: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """The host name in List-Unsubscribe links, and the shop's web host that answers there."""

    hostname: str
    web_host: str


@dataclass(frozen=True, slots=True)
class DnsZone:
    """A zone that takes our records by RFC 2136, signed with a TSIG key (RFC 8945)."""

    name: str
    server: Address
    port: int
    key_name: str
    algorithm: str
    key: SecretRef


@dataclass(frozen=True, slots=True)
class Dns:
    """``resolvers`` stand for the world's view; ``zones`` are those that postroad may change."""

    resolvers: tuple[Address, ...]
    zones: tuple[DnsZone, ...]


@dataclass(frozen=True, slots=True)
class Resolver:
    """unbound's root: the packaged hints and anchor unless the operator has a root of its own."""

    root_hints_file: str | None
    trust_anchor_file: str | None


@dataclass(frozen=True, slots=True)
class Allow:
    """What the firewall lets in beyond what postroad's own services need."""

    port: int
    protocol: Literal["tcp", "udp"]
    networks: tuple[Network, ...]
    comment: str


@dataclass(frozen=True, slots=True)
class Firewall:
    """``adopt`` says what becomes of rules that were there before postroad."""

    ssh_port: int
    allowed: tuple[Allow, ...]
    adopt: Adopt = "refuse"


@dataclass(frozen=True, slots=True)
class Upgrades:
    """Whether hosts fetch security upgrades themselves, and from where beyond their distribution.

    ``origins`` are patterns of unattended-upgrades, as "origin=Shop,label=Shop-Security".
    """

    unattended: bool
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Estate:
    """The whole of it. Hosts and streams keep the order in which they were declared.

    ``lone`` is a box that the world does not know (`postroad.mail.lone`): nothing leaves it.
    """

    admin: Admin
    hosts: tuple[Host, ...]
    streams: tuple[Stream, ...]
    tls: Tls
    dkim: Dkim
    supplied_keys: tuple[SuppliedKey, ...]
    dmarc: Dmarc
    mta_sts: MtaSts | None
    tls_reports: str | None
    unsubscribe: Unsubscribe | None
    dns: Dns
    resolver: Resolver
    firewall: Firewall
    system_sender: str
    record_ttl: int
    apt_proxy: str | None
    upgrades: Upgrades
    time_servers: tuple[str, ...]
    log_days: int
    port25_probe: str | None
    private_networks: tuple[Network, ...]
    other_releases: tuple[str, ...]
    lone: bool

    def host(self, name: str) -> Host:
        """The host of this inventory name; KeyError where the estate has none."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(f"the estate has no host {name}")

    def stream(self, name: StreamName) -> Stream:
        """The stream of this name; KeyError where the estate has none."""
        for stream in self.streams:
            if stream.name == name:
                return stream
        raise KeyError(f"the estate has no stream {name}")

    def streams_of(self, host: Host) -> Iterator[tuple[Stream, WayOut]]:
        """Each stream that ``host`` carries, with its way out there."""
        for way in host.ways_out:
            yield self.stream(way.stream), way

    @property
    def from_domains(self) -> tuple[str, ...]:
        """Every sending domain of the estate, each once."""
        return tuple(dict.fromkeys(d for s in self.streams for d in s.from_domains))

    @property
    def inbound_hosts(self) -> tuple[Host, ...]:
        return tuple(host for host in self.hosts if host.inbound)


def operator_files(estate: Estate) -> Iterator[tuple[str, str]]:
    """Each file on the controller that the estate names: its key in ``estate``, and its path."""
    if estate.resolver.root_hints_file:
        yield '["resolver"]["root_hints_file"]', estate.resolver.root_hints_file
    if estate.resolver.trust_anchor_file:
        yield '["resolver"]["trust_anchor_file"]', estate.resolver.trust_anchor_file
    match estate.tls:
        case AcmeTls(ca_file=str(path)):
            yield '["tls"]["ca_file"]', path
        case SuppliedTls(chain_file=path):
            yield '["tls"]["chain_file"]', path


EstateInput = Mapping[str, object]
