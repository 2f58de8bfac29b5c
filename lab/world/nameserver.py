"""The lab's name server and public resolver: their keys, and what their host is born with."""

import base64
from dataclasses import dataclass

import dns.dnssec
import dns.name
import dns.rdtypes.ANY.DNSKEY
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lab.hosts.network import NAMESERVER, RESOLVER, Network
from lab.hosts.seed import Seed
from lab.world.fill import fill

SERVER_NAME = "ns.lab.example."
TSIG_NAME = "operator."

ECDSA_P256 = 13
"""The number of the zones' signing algorithm (RFC 6605)."""
_KSK_FLAGS = 257


@dataclass(frozen=True)
class SigningKey:
    """The key that signs every zone of one lab."""

    pem: str
    dnskey: dns.rdtypes.ANY.DNSKEY.DNSKEY

    @classmethod
    def from_pem(cls, pem: str) -> "SigningKey":
        """The key in *pem* (PKCS #8)."""
        private = serialization.load_pem_private_key(pem.encode(), password=None)
        dnskey = dns.dnssec.make_dnskey(private.public_key(), ECDSA_P256, _KSK_FLAGS)  # type: ignore[arg-type]
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


def tsig_secret(random: bytes) -> str:
    """A TSIG secret (RFC 8945) from 32 random bytes, in base64."""
    return base64.b64encode(random).decode()
