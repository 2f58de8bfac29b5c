"""The box that `vagrant up` makes: what its operator declares, from where it is.

`inventories/vagrant.py` and `group_data/@vagrant.py` are made of it. What it makes once (passwords,
certificate) is kept below build/vagrant and outlives the box, so that an application need not be
told anew after `vagrant destroy`.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

from lab.hosts import here
from lab.mail.logins import Logins, logins
from lab.world import certificates
from postroad.host.paths import SINK
from postroad.settings.hidden import Hidden

KEPT = here.CLONE / "build" / "vagrant"
USERS_FILE = KEPT / "users.json"
CHAIN_FILE = KEPT / "chain.pem"
KEY_FILE = KEPT / "key.pem"
# The key and certificate as they were made; the two files above are read by a run.
_BOTH_FILE = KEPT / "certificate.pem"

MACHINE = "mta"
# pyinfra's @vagrant connector puts its name before the machine's.
HOST = f"@vagrant/{MACHINE}"
DOMAIN = "shop.example"
HOSTNAME = f"{MACHINE}.{DOMAIN}"
USERS = {"transactional": "shop", "marketing": "campaigns"}

# VirtualBox forwards a port of this machine to SSH in the box, and the box sees its own gateway.
# Mail goes over a network of their own, whose address the Vagrantfile gives to the box.
VIRTUALBOX_ADDRESS = "192.168.56.25"
VIRTUALBOX_GATEWAY = "10.0.2.2/32"

_LEFT = timedelta(days=30)


def dotfiles() -> Path:
    """Where Vagrant keeps what it knows of this checkout's machines."""
    return here.CLONE / os.environ.get("VAGRANT_DOTFILE_PATH", ".vagrant")


def known_hosts() -> Path:
    """Where the box's host key is kept: with what Vagrant knows of the machine.

    `vagrant destroy` takes it away with all the rest there, so that the next box at this address is
    no stranger; a box whose key changes while it is up is one.
    """
    machines = sorted((dotfiles() / "machines" / MACHINE).glob("*/id"))
    place = (machines[-1].parent if machines else KEPT) / "known_hosts"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    return place


def address(told: Mapping[str, object]) -> str:
    """The box's own address, from what the connector has *told* of the way to it."""
    hostname = str(told["ssh_hostname"])
    return VIRTUALBOX_ADDRESS if ip_address(hostname).is_loopback else hostname


def estate(own: str) -> dict[str, object]:
    """What is declared of a box with the address *own*: both streams on it, and no world."""
    users = logins(USERS_FILE, USERS.values())
    _certify(own)
    around = str(ip_network(f"{own}/24", strict=False))
    return {
        "lone": True,
        "admin": {"email": f"ops@{DOMAIN}", "networks": [around, VIRTUALBOX_GATEWAY]},
        "hosts": {
            HOST: {
                "hostname": HOSTNAME,
                "ipv4": own,
                "shared_address": True,
                "ways_out": {stream: {} for stream in USERS},
            }
        },
        "streams": {
            "transactional": _stream(DOMAIN, "transactional", users, around),
            "marketing": _stream(f"news.{DOMAIN}", "marketing", users, around),
        },
        "tls": {
            "source": "supplied",
            "chain_file": str(CHAIN_FILE),
            "key": {"file": str(KEY_FILE)},
        },
    }


def _stream(domain: str, stream: str, users: Logins, clients: str) -> dict[str, object]:
    user = USERS[stream]
    return {
        "from_domains": [domain],
        "envelope_domain": f"bounce.{domain}",
        "clients": [clients],
        "users": {user: {"passwords": [Hidden(users[user]["hash"])]}},
    }


def _certify(own: str) -> None:
    """A certificate signed by itself, made anew for another address or when it is about to end."""
    KEPT.mkdir(parents=True, exist_ok=True)
    if _BOTH_FILE.exists() and certificates.holds(_BOTH_FILE.read_text(), [HOSTNAME], own, _LEFT):
        return
    made = certificates.self_signed([HOSTNAME], own)
    chain = certificates.certificate(made)
    _write(KEY_FILE, made.removesuffix(chain), 0o600)
    _write(CHAIN_FILE, chain, 0o644)
    _write(_BOTH_FILE, made, 0o600)


def _write(place: Path, text: str, mode: int) -> None:
    new = place.with_name(f".{place.name}.{os.getpid()}")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    new.replace(place)


def words() -> str:
    """What whoever has brought the box up wants to know besides the run's own last words."""
    return "\n".join(
        [
            f"Passwords of {', '.join(USERS.values())}: {USERS_FILE.relative_to(here.CLONE)}",
            f"The certificate, for your application to trust: {CHAIN_FILE.relative_to(here.CLONE)}",
            f"What was sent: vagrant ssh -c 'sudo ls {SINK}'   (or: sudo cat, of one of them)",
            "Is all as it must be: .venv/bin/postroad audit inventories/vagrant.py",
        ]
    )


if __name__ == "__main__":
    print(words())
