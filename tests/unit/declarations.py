"""A whole declaration for tests, and ways to spoil one key of it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

Declaration = dict[str, Any]
Path = tuple[str | int, ...]

HASH = (
    "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA"
    "$c29tZWhhc2hzb21laGFzaHNvbWVoYXNoc29tZWhhc2g"
)


def declaration() -> Declaration:
    """One host with an address a stream, without a fault."""
    return {
        "admin": {"email": "ops@shop.example", "networks": ["198.51.100.0/24"]},
        "hosts": {
            "mail1": {
                "hostname": "mail1.shop.example",
                "ipv4": "192.0.2.11",
                "ipv6": "2001:db8::11",
                "ways_out": {
                    "transactional": {"ipv4": "192.0.2.12", "helo": "out1.shop.example"},
                    "marketing": {
                        "ipv4": "192.0.2.13",
                        "ipv6": "2001:db8::13",
                        "helo": "news1.shop.example",
                    },
                },
            }
        },
        "streams": {
            "transactional": {
                "from_domains": ["shop.example"],
                "envelope_domain": "bounce.shop.example",
                "clients": ["198.51.100.32/27"],
                "users": {"shop": {"passwords": [HASH]}},
            },
            "marketing": {
                "from_domains": ["news.shop.example"],
                "envelope_domain": "bounce.news.shop.example",
                "clients": ["198.51.100.32/27"],
                "users": {"campaigns": {"passwords": [HASH]}},
            },
        },
        "tls": {"source": "acme"},
    }


def second_host() -> Declaration:
    """A host that shares no address, name or label with the first one."""
    return {
        "hostname": "mail2.shop.example",
        "ipv4": "192.0.2.21",
        "shared_address": True,
        "ways_out": {"transactional": {}, "marketing": {}},
    }


def shared() -> Declaration:
    """The smallest estate: one host, one address, both streams."""
    return put(declaration(), ("hosts",), {"mail2": second_host()})


def two_hosts() -> Declaration:
    """Both hosts."""
    return put(declaration(), ("hosts", "mail2"), second_host())


def put(declared: Declaration, path: Path, value: object) -> Declaration:
    """A copy with ``value`` at ``path``; missing dictionaries on the way are made."""
    copy = deepcopy(declared)
    place: Any = copy
    for key in path[:-1]:
        if isinstance(place, dict):
            place.setdefault(key, {})
        place = place[key]
    place[path[-1]] = value
    return copy


def drop(declared: Declaration, path: Path) -> Declaration:
    """A copy without the key at ``path``."""
    copy = deepcopy(declared)
    place: Any = copy
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return copy
