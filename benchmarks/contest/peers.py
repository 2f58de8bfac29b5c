"""The software that postroad is held against, each on a bare host, set up by scripts in setups/."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contest import hosts, signatures
from benchmarks.contest.contender import Contender, Judge
from benchmarks.contest.door import Door
from benchmarks.paths import BUILD, HERE
from lab.hosts.guest import wait_until
from lab.images import tutorial
from lab.life.control import Target
from lab.life.session import Lab
from lab.world import npm
from lab.world.fill import filled
from postroad.settings.defaults import SIGN_HEADERS

DOMAIN, SELECTOR, USER = "peer.example", "bench", "shop"

_SETUPS = Path(__file__).parent / "setups"
_HARAKA = HERE / "contest" / "haraka" / "package.json"


@dataclass(frozen=True)
class Peer:
    """A host's software: what is installed, by which scripts it is set up, and how it is seen.

    ``logged`` is an extended regular expression that matches the line of a sent message in its
    journal, or in ``log`` where it has a file of its own.
    """

    label: str
    target: Target
    packages: str
    setups: tuple[str, ...]
    logged: str
    log: str = ""
    signs: bool = True
    syncs: bool = True

    @property
    def delivered(self) -> str:
        """Shell that counts those lines."""
        lines = f"cat {self.log}" if self.log else "journalctl -q -o cat"
        return f"{lines} | grep -cE '{self.logged}' || :"


_POSTFIX = "postfix dovecot-core"
_SENT = "status=sent "

PEERS: tuple[Peer, ...] = (
    Peer(
        "stock Postfix, unsigned",
        Target("stock", hosts.RELEASE, (61,)),
        _POSTFIX,
        ("logins.sh", "stock.sh"),
        _SENT,
        signs=False,
    ),
    Peer(
        "the tutorial's, repaired to sign",
        Target("tutorial", hosts.RELEASE, (62,)),
        "",
        ("tutorial.sh",),
        _SENT,
    ),
    Peer(
        "Postfix with rspamd",
        Target("rspamd", hosts.RELEASE, (63,)),
        f"{_POSTFIX} rspamd",
        ("logins.sh", "rspamd.sh"),
        _SENT,
    ),
    Peer(
        "Exim",
        Target("exim", hosts.RELEASE, (64,)),
        "exim4-daemon-light",
        ("exim.sh",),
        " => ",
        log="/var/log/exim4/mainlog",
    ),
    Peer(
        "OpenSMTPD, signing, never syncs",
        Target("opensmtpd", hosts.RELEASE, (65,)),
        "opensmtpd opensmtpd-filter-dkimsign",
        ("opensmtpd.sh",),
        'mta delivery .* result="Ok"',
        # Neither fsync(2) nor anything like it: what it has accepted, a power failure may take.
        syncs=False,
    ),
    Peer(
        "Haraka",
        Target("haraka", hosts.RELEASE, (66,)),
        "nodejs",
        ("haraka.sh",),
        "delivered ",
    ),
)


def ready(lab: Lab, peer: Peer) -> Contender:
    """Install *peer* on its host, which is bare, and start it. LabError where that fails."""
    guest = lab.hosts[peer.target.name]
    if peer.target.name == "haraka":
        npm.install(_HARAKA, BUILD / "haraka")
        npm.carry(BUILD / "haraka", guest, "/opt/haraka")
    password = secrets.token_hex(16)
    key = signatures.new_key()
    values = {
        "proxy": lab.apt_proxy,
        "packages": peer.packages,
        "user": USER,
        "password": password,
        "hash": _hashed(lab, password),
        "domain": DOMAIN,
        "selector": SELECTOR,
        "key": key,
        "headers_colon": ":".join(SIGN_HEADERS).lower(),
        "headers_comma": ", ".join(SIGN_HEADERS),
        "range": str(lab.network.ipv4_range),
        "resolver": guest.read_file("/etc/resolv.conf").split()[1],
        "tutorial": tutorial.setup(f"{guest.name}.{DOMAIN}", lab.apt_proxy),
    }
    parts = ("common.sh", *peer.setups)
    text = "".join(filled((_SETUPS / part).read_text(), part, **values) for part in parts)
    guest.run(["sh", "-s"], input=text, timeout=600)
    door = Door(
        guest.ipv4[0], 465, "implicit", USER, password, f"bounce@{DOMAIN}", f"orders@{DOMAIN}"
    )
    if peer.target.name == "tutorial":
        # Its readers' applications need no login: the network is enough.
        sender = f"orders@{tutorial.LONG_DOMAIN}"
        door = Door(guest.ipv4[0], 25, "starttls", "", "", sender, sender)
        key = guest.read_file(tutorial.LONG_KEY)
    wait_until(
        lambda: guest.listens(door.port),
        60,
        f"{peer.label}: port {door.port}",
    )
    judge: Judge = signatures.signed_with(key) if peer.signs else signatures.unsigned
    return Contender(peer.label, guest, door, peer.delivered, judge, peer.syncs)


def _hashed(lab: Lab, password: str) -> str:
    """*password* as crypt(5) keeps it, which all of them read."""
    return lab.app.guest.run(["openssl", "passwd", "-6", "-stdin"], input=password).stdout.strip()
