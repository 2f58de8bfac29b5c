"""Where no mail host of the internet is, and where one is all the same because it was declared.

An MX record may name any address. What it names of these is this host itself, its neighbours, or
nobody (SSRF by mail). Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from postroad.settings.model import Address, Estate, Network


@dataclass(frozen=True, slots=True)
class Nowhere:
    """A network without a mail host of the internet, and what it is for."""

    network: Network
    what: str


# IANA IPv4 Special-Purpose Address Registry (RFC 6890), and what is no address of one host.
_NOWHERE4 = (
    ("0.0.0.0/8", "this network (RFC 791 §3.2): Linux takes 0.0.0.0 for the host itself"),
    ("10.0.0.0/8", "private (RFC 1918)"),
    ("100.64.0.0/10", "between a carrier and its customers (RFC 6598)"),
    ("127.0.0.0/8", "loopback (RFC 1122 §3.2.1.3)"),
    ("169.254.0.0/16", "link-local (RFC 3927), and the metadata services of clouds"),
    ("172.16.0.0/12", "private (RFC 1918)"),
    ("192.0.0.0/24", "protocol assignments (RFC 6890 §2.1)"),
    ("192.0.2.0/24", "documentation (RFC 5737)"),
    ("192.31.196.0/24", "AS112 (RFC 7535)"),
    ("192.52.193.0/24", "AMT (RFC 7450)"),
    ("192.88.99.0/24", "6to4 relays, deprecated (RFC 7526)"),
    ("192.168.0.0/16", "private (RFC 1918)"),
    ("192.175.48.0/24", "AS112 (RFC 7534)"),
    ("198.18.0.0/15", "benchmarks (RFC 2544)"),
    ("198.51.100.0/24", "documentation (RFC 5737)"),
    ("203.0.113.0/24", "documentation (RFC 5737)"),
    ("224.0.0.0/4", "multicast (RFC 5771)"),
    ("240.0.0.0/4", "reserved (RFC 1112 §4), and broadcast"),
)

# All but 2000::/3, which alone is given out (IANA IPv6 Address Space), and what is special in it.
_NOWHERE6 = (
    ("::/3", "loopback, IPv4 in IPv6 (RFC 4291 §2.5.5), NAT64 (RFC 6052, RFC 8215), discard"),
    ("4000::/2", "not given out; segment routing (RFC 9602)"),
    ("8000::/1", "not given out; unique local (RFC 4193), link-local, site-local, multicast"),
    ("2001::/23", "protocol assignments (RFC 2928), Teredo among them"),
    ("2001:db8::/32", "documentation (RFC 3849)"),
    ("2002::/16", "6to4 (RFC 3056): any IPv4 address, private ones too"),
    ("3fff::/20", "documentation (RFC 9637)"),
)

NOWHERE = tuple(Nowhere(ip_network(text), what) for text, what in (*_NOWHERE4, *_NOWHERE6))

LOOPBACK = IPv4Network("127.0.0.0/8")

# What somebody may have mail servers in, and may declare. Loopback, link-local and multicast are
# nobody's, and everything else needs no declaration.
DECLARABLE: tuple[Network, ...] = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("198.18.0.0/15"),
    IPv6Network("fc00::/7"),
)


def is_private(address: Address) -> bool:
    """Whether it is an address that somebody may have inside, and the internet has not."""
    return any(address in network for network in DECLARABLE)


def is_within(inner: Network, outer: Network) -> bool:
    """Whether all of ``inner`` is in ``outer``; networks of two families never are."""
    if isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, IPv6Network) and isinstance(outer, IPv6Network):
        return inner.subnet_of(outer)
    return False


def is_nowhere(address: Address) -> bool:
    """Whether no mail host of the internet has this address."""
    return any(address in nowhere.network for nowhere in NOWHERE)


def exceptions(estate: Estate) -> tuple[Network, ...]:
    """The networks within those to which mail goes: declared ones, and the estate's own inbound
    hosts, which other hosts of it return bounces to."""
    found = (*estate.private_networks, *_own(estate))
    return (
        *collapse_addresses(network for network in found if network.version == 4),
        *collapse_addresses(network for network in found if network.version == 6),
    )


def _own(estate: Estate) -> Iterator[Network]:
    for host in estate.inbound_hosts:
        yield from (ip_network(address) for address in host.addresses if is_nowhere(address))
