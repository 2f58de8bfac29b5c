"""The Debian packages a host needs, from the model alone; one list, installed in one call."""

from __future__ import annotations

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
