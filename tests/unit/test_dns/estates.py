"""Small estates and keys to derive records from (RFC 5737 and RFC 3849 addresses)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from postroad.dns.records import LiveCertificate, LiveKey
from postroad.settings.model import (
    AcmeTls,
    Admin,
    Dkim,
    Dmarc,
    Dns,
    Estate,
    Firewall,
    Host,
    Http01,
    Limits,
    MtaSts,
    NoTls,
    Resolver,
    Stream,
    StreamName,
    Unsubscribe,
    Upgrades,
    WayOut,
)

LIMITS = Limits(
    message_size=10_000_000,
    recipients_per_message=50,
    queue_lifetime="5d",
    queue_minfree=100_000_000,
    active_messages=20_000,
    delivery_processes=100,
    connections_per_client=50,
)


def _families(addresses: tuple[str, ...]) -> tuple[IPv4Address | None, IPv6Address | None]:
    parsed = [ip_address(address) for address in addresses]
    ipv4 = next((a for a in parsed if isinstance(a, IPv4Address)), None)
    ipv6 = next((a for a in parsed if isinstance(a, IPv6Address)), None)
    return ipv4, ipv6


def stream(name: StreamName, from_domains: tuple[str, ...], envelope_domain: str) -> Stream:
    return Stream(
        name=name,
        from_domains=from_domains,
        envelope_domain=envelope_domain,
        clients=(),
        users=(),
        outbound_tls="may",
        sign_headers=("From",),
        oversign_headers=("From",),
        limits=LIMITS,
    )


TRANSACTIONAL = stream("transactional", ("shop.example",), "bounce.shop.example")
MARKETING = stream("marketing", ("news.shop.example",), "bounce.news.shop.example")


def way_out(name: StreamName, helo: str, *addresses: str) -> WayOut:
    ipv4, ipv6 = _families(addresses)
    return WayOut(
        stream=name,
        ipv4=ipv4,
        ipv6=ipv6,
        helo=helo,
        starttls_port=587,
        tls_port=465,
        selector_label="a",
    )


def host(name: str, addresses: tuple[str, ...], *ways_out: WayOut) -> Host:
    ipv4, ipv6 = _families(addresses)
    return Host(
        name=name,
        hostname=f"{name}.shop.example",
        ipv4=ipv4,
        ipv6=ipv6,
        shared_address=False,
        inbound=True,
        ways_out=ways_out,
    )


# An address for each stream, both families.
MAIL1 = host(
    "mail1",
    ("192.0.2.11", "2001:db8::11"),
    way_out("transactional", "out1.shop.example", "192.0.2.12", "2001:db8::12"),
    way_out("marketing", "news1.shop.example", "192.0.2.13"),
)

# One address that both streams share.
MAIL2 = replace(
    host(
        "mail2",
        ("198.51.100.21",),
        way_out("transactional", "mail2.shop.example", "198.51.100.21"),
        way_out("marketing", "mail2.shop.example", "198.51.100.21"),
    ),
    shared_address=True,
)


def estate(*hosts: Host, reports: str = "dmarc@shop.example") -> Estate:
    return Estate(
        admin=Admin(email="ops@shop.example", networks=()),
        hosts=hosts,
        streams=(TRANSACTIONAL, MARKETING),
        tls=NoTls(),
        dkim=Dkim(rotate_days=180, revoked_days=30),
        supplied_keys=(),
        dmarc=Dmarc(policy="none", reports=reports, stages=()),
        mta_sts=None,
        tls_reports=None,
        unsubscribe=None,
        dns=Dns(resolvers=(), zones=()),
        resolver=Resolver(root_hints_file=None, trust_anchor_file=None),
        firewall=Firewall(ssh_port=22, allowed=()),
        system_sender="root@shop.example",
        record_ttl=3600,
        apt_proxy=None,
        upgrades=Upgrades(unattended=True, origins=()),
        time_servers=(),
        log_days=30,
        port25_probe=None,
        private_networks=(),
        other_releases=(),
        lone=False,
    )


AUTHORITY = AcmeTls(
    directory="https://ca.example/directory",
    email="ops@shop.example",
    ca_file=None,
    challenge=Http01(),
    caa="ca.example",
)
CERTIFICATES = (LiveCertificate("mail1", "1a" * 32), LiveCertificate("mail2", "2b" * 32))


def whole_estate(*hosts: Host) -> Estate:
    """An estate that declares everything that names can have."""
    return replace(
        estate(*hosts),
        tls=AUTHORITY,
        mta_sts=MtaSts(mode="testing", max_age=1_209_600, web_host="www.shop.example"),
        tls_reports="tls@shop.example",
        unsubscribe=Unsubscribe("unsubscribe.news.shop.example", "www.shop.example"),
    )


@cache
def public_key(number: int) -> str:
    """A real RSA-2048 public key, another one for each number."""
    key = generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def live_key(host: str, name: StreamName, domain: str, number: int) -> LiveKey:
    return LiveKey(host, name, domain, f"202611-{host}", public_key(number))


def keys_of_mail1() -> tuple[LiveKey, ...]:
    return (
        live_key("mail1", "transactional", "shop.example", 1),
        live_key("mail1", "marketing", "news.shop.example", 2),
    )


def keys_of_mail2() -> tuple[LiveKey, ...]:
    return (
        live_key("mail2", "transactional", "shop.example", 3),
        live_key("mail2", "marketing", "news.shop.example", 4),
    )
