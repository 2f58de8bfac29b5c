"""The packages: one list from the model, each once."""

from __future__ import annotations

import pytest

from postroad.mail.software import packages
from tests.unit import estates
from tests.unit.declarations import declaration, put


def listed(name: str) -> tuple[str, ...]:
    return packages(estates.estate(estates.DECLARED[name]))


@pytest.mark.parametrize("name", estates.DECLARED)
def test_every_host_gets_what_every_role_runs(name: str) -> None:
    found = listed(name)
    assert len(set(found)) == len(found)
    assert {"postfix", "postfix-lmdb", "postfix-pcre", "opendkim", "dovecot-core"} <= set(found)
    assert {"unbound", "ufw", "openssl", "ca-certificates", "systemd-timesyncd"} <= set(found)


def test_unattended_upgrades_come_where_they_are_declared() -> None:
    assert "unattended-upgrades" in listed("an address a stream")
    without = put(declaration(), ("upgrades",), {"unattended": False})
    assert "unattended-upgrades" not in packages(estates.estate(without))


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("no certificate", ()),
        ("supplied certificate", ()),
        ("an address a stream", ("certbot",)),
        ("dns-01", ("certbot", "python3-certbot-dns-rfc2136")),
    ],
)
def test_certbot_comes_with_acme_alone(name: str, extra: tuple[str, ...]) -> None:
    assert tuple(p for p in listed(name) if "certbot" in p) == extra
