"""What a first estate is made of: the answers of whoever begins, as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from postroad.settings.model import Network, StreamName


@dataclass(frozen=True, slots=True)
class Server:
    """A host by its name in the inventory, and the addresses that it has."""

    name: str
    ipv4: IPv4Address
    ipv6: IPv6Address | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """An estate of its smallest form: every host carries every stream on one address.

    ``name`` is what the inventory and its group_data are called.
    """

    name: str
    domain: str
    servers: tuple[Server, ...]
    admin_email: str
    admin_networks: tuple[Network, ...]
    client_networks: tuple[Network, ...]
    streams: tuple[StreamName, ...]
    ssh_user: str


# Where nothing is answered yet: addresses of documentation (RFC 5737), which are nobody's.
UNANSWERED = Plan(
    name="prod",
    domain="shop.example",
    servers=(Server("mail1", IPv4Address("192.0.2.11")),),
    admin_email="postmaster@shop.example",
    admin_networks=(IPv4Network("198.51.100.0/28"),),
    client_networks=(IPv4Network("198.51.100.32/27"),),
    streams=("transactional",),
    ssh_user="root",
)
