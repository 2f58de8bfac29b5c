"""What is left of TLS to receivers when somebody on the way takes STARTTLS out of their offers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.life.session import Lab
from lab.mail import letters, shop
from tests.lab import host as inside
from tests.lab import mail

HOSTS = ("mail1", "mail2")
PROVIDERS = ("bigmail", "strictmail")


@pytest.fixture
def stripped(deployed: Lab) -> Iterator[Lab]:
    """The lab, in which no provider offers STARTTLS: so it looks with a man in the middle."""
    kept = "/run/main.cf.stripped"
    for provider in PROVIDERS:
        deployed.hosts[provider].run(
            f"cp -p /etc/postfix/main.cf {kept} && postconf -e smtpd_tls_security_level=none"
            " && postfix reload 2>/dev/null"
        )
    yield deployed
    for provider in PROVIDERS:
        deployed.hosts[provider].run(
            f"mv {kept} /etc/postfix/main.cf && postfix reload 2>/dev/null"
        )
    for name in HOSTS:
        inside.empty(deployed.targets[name], "transactional")


def test_mail_waits_for_a_receiver_with_dane_and_goes_in_the_clear_to_others(stripped: Lab) -> None:
    """The first is what DANE is for (RFC 7672 §2.2); the second is told in docs/security.md.

    Bigmail refuses what comes in the clear once it has heard who writes; a man in the middle would
    not.
    """
    password = shop.password(shop.USERS["transactional"])
    for name in HOSTS:
        guest = stripped.targets[name]
        before = len(inside.log(guest, "transactional"))
        for provider in PROVIDERS:
            letter = letters.receipt(stripped.providers[provider].address("stripped"))
            assert mail.offer(stripped, name, letter, password).is_accepted
        waits = (
            r"to=<stripped@strictmail\.example>.* status=deferred \(TLS is required, but was not"
        )
        inside.wait_for_log(guest, "transactional", waits, before)
        left = r"to=<stripped@bigmail\.example>.* said: 550 5\.7\.29 .*wasn't sent over a TLS"
        inside.wait_for_log(guest, "transactional", left, before)
