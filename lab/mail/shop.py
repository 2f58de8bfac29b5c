"""The shop of the lab: what its operator declares, from the hosts and addresses that are up."""

from __future__ import annotations

import re
from pathlib import Path

from lab.faults import upgrades
from lab.hosts import here
from lab.hosts.guest import Guest
from lab.hosts.network import APPLICATION, MACHINE, NAMESERVER, RESOLVER
from lab.life.session import Lab
from lab.mail.logins import Logins, logins
from lab.world import ca
from lab.world.nameserver import TSIG_NAME
from postroad.settings.hidden import Hidden

DOMAIN = "shop.example"
ADMIN = "ops@bigmail.example"
# The shop's web host is the host of its application.
WEB_HOST = "app.lab.example"
# Login of the shop's application on each stream.
USERS = {"transactional": "shop", "marketing": "campaigns"}


def users_file() -> Path:
    """Where the passwords of this checkout's lab are: {user: {"password": …, "hash": …}}."""
    return here.CLONE / "build" / here.name() / "users.json"


def password(user: str) -> str:
    """The password of a submission login of the lab."""
    return _users()[user]["password"]


def estate(lab: Lab) -> dict[str, object]:
    """The estate for the bare hosts that are up.

    A host with three addresses or more has one for each stream; one with fewer shares its first.
    """
    network = lab.network
    users = _users()
    application = [f"{network.ipv4(APPLICATION)}/32", f"{network.ipv6(APPLICATION)}/128"]
    return {
        "admin": {
            "email": ADMIN,
            "networks": [f"{network.ipv4(MACHINE)}/32", f"{network.ipv6(MACHINE)}/128"],
        },
        "hosts": {name: _host(guest) for name, guest in lab.targets.items()},
        "streams": {
            "transactional": _stream(DOMAIN, "transactional", users, application),
            "marketing": _stream(f"news.{DOMAIN}", "marketing", users, application),
        },
        "tls": {
            "source": "acme",
            "directory": lab.acme_directory,
            "ca_file": str(lab.acme_ca),
            # Pebble does not look CAA up; the records are there for those who check them.
            "caa": ca.NAME,
        },
        "mta_sts": {"mode": "testing", "web_host": WEB_HOST},
        "tls_reports": ADMIN,
        "unsubscribe": {"hostname": f"unsubscribe.news.{DOMAIN}", "web_host": WEB_HOST},
        "resolver": {
            "root_hints_file": str(lab.root_hints),
            "trust_anchor_file": str(lab.root_key),
        },
        "dns": _dns(lab),
        "apt_proxy": lab.apt_proxy,
        "upgrades": {"origins": [upgrades.ORIGIN]},
        "port25_probe": "mx.bigmail.example",
        # Its providers have private addresses.
        "private_networks": [str(network.ipv4_range), str(network.ipv6_range)],
        "record_ttl": 60,
        # Its Postfix is older than that of every release that postroad is made for.
        "other_releases": ["debian 11"],
    }


def _dns(lab: Lab) -> dict[str, object]:
    """The shop's own zone, and the lab's reverse zones: hosters that leave them to their customers
    are rare, but there are some."""
    network = lab.network
    zones = (f"{DOMAIN}.", network.ipv4_reverse_zone, network.ipv6_reverse_zone)
    updates = {
        "server": network.ipv4(NAMESERVER),
        "key_name": TSIG_NAME.rstrip("."),
        "key": {"file": str(lab.tsig_key)},
    }
    return {
        "resolvers": [network.ipv4(RESOLVER)],
        "zones": {zone.rstrip("."): updates for zone in zones},
    }


def _host(guest: Guest) -> dict[str, object]:
    number = re.sub(r"\D", "", guest.name)
    own: dict[str, object] = {
        "hostname": f"{guest.name}.{DOMAIN}",
        "ipv4": guest.ipv4[0],
        "ipv6": guest.ipv6[0],
    }
    if len(guest.ipv4) < 3:
        return {**own, "shared_address": True, "ways_out": {"transactional": {}, "marketing": {}}}
    return {
        **own,
        "ways_out": {
            "transactional": _way_out(guest, 1, f"out{number}"),
            "marketing": _way_out(guest, 2, f"news{number}"),
        },
    }


def _way_out(guest: Guest, index: int, name: str) -> dict[str, object]:
    return {"ipv4": guest.ipv4[index], "ipv6": guest.ipv6[index], "helo": f"{name}.{DOMAIN}"}


def _stream(domain: str, stream: str, users: Logins, clients: list[str]) -> dict[str, object]:
    user = USERS[stream]
    return {
        "from_domains": [domain],
        "envelope_domain": f"bounce.{domain}",
        "clients": clients,
        "users": {user: {"passwords": [Hidden(users[user]["hash"])]}},
        "outbound_tls": "dane",
        # Low, so that a test can fill the active queue in seconds.
        "limits": {"active_messages": 200},
    }


def _users() -> Logins:
    return logins(users_file(), USERS.values())
