"""The Debian packages a host needs, one list, installed in one call; and what they can do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from postroad.host.reading import Reading, Sections
from postroad.settings.model import AcmeTls, Dns01, Estate

# Every host. python3-dkim and python3-spf check what the canary and the look at the world see;
# python3-cryptography verifies in the milter behind the signer (postroad/milter.py);
# postfix-lmdb holds the TLS session cache, postfix-pcre the header checks.
BASE = (
    "ca-certificates",
    "dns-root-data",
    "dovecot-core",
    "iproute2",
    "logrotate",
    "opendkim",
    "openssl",
    "postfix",
    "postfix-lmdb",
    "postfix-pcre",
    "python3",
    "python3-cryptography",
    "python3-dkim",
    "python3-dnspython",
    "python3-spf",
    "systemd-timesyncd",
    "ufw",
    "unbound",
)


def packages(estate: Estate) -> tuple[str, ...]:
    """The names of the packages that every host of ``estate`` needs."""
    upgrades = ("unattended-upgrades",) if estate.upgrades.unattended else ()
    match estate.tls:
        case AcmeTls(challenge=Dns01()):
            return (*BASE, *upgrades, "certbot", "python3-certbot-dns-rfc2136")
        case AcmeTls():
            return (*BASE, *upgrades, "certbot")
        case _:
            return (*BASE, *upgrades)


@dataclass(frozen=True, slots=True)
class Software:
    """What is installed: versions, empty where it is not, and what that Postfix can do.

    ``postfix_is_wrapper``: postfix.service starts others (Debian 12). ``postfix_parameters`` are
    those that postconf(1) knows, of the ones that were asked for.
    """

    postfix_version: str = ""
    postfix_is_wrapper: bool = False
    postfix_parameters: frozenset[str] = field(default=frozenset(), repr=False)
    dovecot_version: str = ""


def shell(parameters: Sequence[str]) -> str:
    """Shell that prints what `SOFTWARE` reads; ``parameters`` are those of Postfix to ask for."""
    return "\n".join(
        [
            "m postfix; postconf -dh mail_version",
            "systemctl cat postfix.service | grep '^ExecStart=/bin/true'",
            f"m parameters; postconf -d {' '.join(parameters)}",
            "m dovecot; dovecot --version",
        ]
    )


def _parse(said: Sections) -> Software:
    postfix, dovecot = said["postfix"], said["dovecot"]
    return Software(
        postfix_version=postfix[0] if postfix else "",
        postfix_is_wrapper=len(postfix) > 1,
        postfix_parameters=frozenset(line.partition(" ")[0] for line in said["parameters"]),
        dovecot_version=dovecot[0].split()[0] if dovecot else "",
    )


SOFTWARE = Reading("software", _parse, Software())
