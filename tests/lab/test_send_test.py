"""`postroad send-test`, against receivers that take, refuse and put off, and streams that are shut.

The operator's machine is no client of the shop: no firewall of a host lets it in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.life.session import Lab
from lab.mail import road, shop
from lab.mail.verify import has_valid_signature
from lab.world import ca
from tests.lab import host as inside

INVENTORY = str(road.INVENTORY)
PASSWORDS = ("--password", "shop=env:SHOP", "--password", "campaigns=env:CAMPAIGNS")


@pytest.fixture(scope="module")
def root(deployed: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of the lab's authority, which it makes anew and no system trusts."""
    place = tmp_path_factory.mktemp("root") / "root.pem"
    place.write_text(deployed.app.guest.run(f"curl -sSfk https://{ca.NAME}:15000/roots/0").stdout)
    return place


@pytest.fixture(autouse=True)
def _as_an_application(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an application of the shop knows: both passwords, and whom to trust."""
    monkeypatch.setenv("SHOP", shop.password("shop"))
    monkeypatch.setenv("CAMPAIGNS", shop.password("campaigns"))
    monkeypatch.setenv("SSL_CERT_FILE", str(root))


def tried(address: str, *options: str, status: int = 0) -> str:
    """What is told of a test to ``address``, which ends with ``status``."""
    done = road.postroad("send-test", INVENTORY, address, *PASSWORDS, *options)
    said = done.stdout + done.stderr
    assert done.returncode == status, said
    assert "Traceback" not in said
    for login in ("shop", "campaigns"):
        assert shop.password(login) not in said
    return said


def fates(address: str, *options: str, status: int = 0) -> dict[tuple[str, str], dict[str, Any]]:
    """The outcomes by host and stream, as JSON has them."""
    rows = json.loads(tried(address, *options, "--json", "-", status=status))
    return {(row["host"], row["stream"]): row for row in rows}


@pytest.mark.parametrize("provider", ["bigmail", "strictmail"])
def test_every_stream_of_every_host_sends_and_the_receiver_says_what_was_foretold(
    deployed: Lab, provider: str
) -> None:
    address = deployed.providers[provider].address("alice")
    said = tried(address)
    doors = [(h, s) for h in ("mail1", "mail2") for s in ("transactional", "marketing")]
    for host, stream in doors:
        assert f"{host} {stream}: delivered to mx.{provider}.example[" in said
        (subject,) = re.findall(rf"its subject: (postroad test \w+: {stream} on {host})\n", said)
        received = deployed.providers[provider].wait_for(subject)
        assert has_valid_signature(deployed, received.raw)
        results = " ".join(received.authentication_results)
        for row in re.findall(r"^  ((?:dkim|spf|dmarc)=pass)", said, re.MULTILINE):
            assert row in results
    assert re.search(r"signed with \d{6}[a-z]?-mail2\._domainkey\.news\.shop\.example;", said)
    assert "  dkim=pass with header.d=shop.example" in said
    assert "  dmarc=pass with header.from=news.shop.example" in said


def test_what_a_receiver_refuses_or_puts_off_is_no_success_and_has_its_words(
    deployed: Lab,
) -> None:
    bigmail = deployed.providers["bigmail"]
    said = tried(bigmail.address("unknown"), "--host", "mail1", status=1)
    assert "mail1 transactional: bounced, refused by mx.bigmail.example[" in said
    assert ":25: 550 5.1.1 <unknown@bigmail.example>: Recipient address rejected: " in said
    assert "The email account that you tried to reach does not exist" in said
    assert "dmarc=pass" not in said
    guest = deployed.hosts["mail1"]
    said = tried(bigmail.address("defer"), "--host", "mail1", "--stream", "marketing", status=1)
    assert "mail1 marketing: deferred, put off by mx.bigmail.example[" in said
    (queue_id,) = re.findall(rf"postroad explain {INVENTORY} (\w+)\n", said)
    told = road.postroad("explain", INVENTORY, queue_id)
    assert f"mail1 marketing {queue_id}: waits" in told.stdout
    inside.empty(guest, "marketing")


def test_an_address_without_a_mail_host_is_told(deployed: Lab) -> None:
    found = fates("nobody@nowhere.example", status=1)
    assert {row["fate"] for row in found.values()} <= {"bounced", "deferred", "refused"}
    assert all("nowhere.example" in row["words"] and not row["relay"] for row in found.values())
    for name, guest in deployed.targets.items():
        for stream in ("transactional", "marketing"):
            if found[name, stream]["fate"] == "deferred":
                inside.empty(guest, stream)


@pytest.fixture
def paused(deployed: Lab) -> Iterator[None]:
    assert road.pause("marketing", "stop").returncode == 0
    yield
    assert road.pause("marketing", "resume").returncode == 0
    assert road.plan() == []


def test_a_paused_stream_is_told_with_its_mend_and_the_other_goes_on(
    deployed: Lab, paused: None
) -> None:
    found = fates(deployed.providers["bigmail"].address("alice"), status=1)
    assert found["mail2", "transactional"]["fate"] == "delivered"
    shut = found["mail2", "marketing"]
    assert shut["fate"] == "closed"
    assert shut["words"].startswith("stopped by its operator; to resume it: pyinfra -y INVENTORY")


def test_a_wrong_password_is_told_by_the_server(
    deployed: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", "no such password")
    address = deployed.providers["bigmail"].address("alice")
    said = tried(address, "--stream", "transactional", "--host", "mail2", status=1)
    assert "mail2 transactional: refused: login: 535 " in said
    assert "no such password" not in said


def test_an_authority_that_nobody_trusts_is_told_before_the_login(
    deployed: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    guest = deployed.hosts["mail1"]
    skip = len(inside.log(guest, "marketing"))
    address = deployed.providers["bigmail"].address("alice")
    said = tried(address, "--stream", "marketing", "--host", "mail1", status=1)
    assert "refused: certificate: it is not verified for news1.shop.example: unable to get" in said
    assert "name the root in SSL_CERT_FILE" in said
    assert not [line for line in inside.log(guest, "marketing")[skip:] if "sasl_" in line]


def test_a_certificate_from_nobody_is_told(deployed: Lab, mended: None) -> None:
    """Another certificate than the one that the host was given."""
    guest, place = deployed.hosts["mail2"], "/etc/letsencrypt/live/postroad"
    guest.run(
        f"cd {place} && for f in privkey fullchain; do readlink $f.pem > /root/$f; rm $f.pem; done"
        " && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=mail2.shop.example -days 2"
        " -addext subjectAltName=DNS:mail2.shop.example -keyout privkey.pem -out fullchain.pem"
        " && systemctl reload 'postroad-postfix@transactional.service'"
    )
    try:
        address = deployed.providers["bigmail"].address("alice")
        said = tried(address, "--stream", "transactional", "--host", "mail2", status=1)
        assert "refused: certificate: it is not verified for mail2.shop.example: self" in said
    finally:
        guest.run(
            f"cd {place} && for f in privkey fullchain; do"
            " ln -sf $(cat /root/$f) $f.pem; rm /root/$f; done"
            " && systemctl reload 'postroad-postfix@transactional.service'"
        )


@contextmanager
def forwarding_nothing(lab: Lab) -> Iterator[None]:
    guest, place = lab.hosts["mail2"], "/etc/ssh/sshd_config.d/hardened.conf"
    guest.run(f"echo 'AllowTcpForwarding no' > {place} && systemctl reload ssh")
    try:
        yield
    finally:
        guest.run(f"rm {place} && systemctl reload ssh")


def test_a_host_that_cannot_be_asked_is_unknown_with_the_reason_and_no_other_is(
    deployed: Lab,
) -> None:
    with forwarding_nothing(deployed):
        found = fates(deployed.providers["bigmail"].address("alice"), status=2)
    assert {key: row["fate"] for key, row in found.items()} == {
        ("mail1", "transactional"): "delivered",
        ("mail1", "marketing"): "delivered",
        ("mail2", "transactional"): "unknown",
        ("mail2", "marketing"): "unknown",
    }
    assert "AllowTcpForwarding local" in found["mail2", "marketing"]["words"]


def test_a_password_is_in_no_argument_log_or_journal_of_a_host(deployed: Lab) -> None:
    tried(deployed.providers["bigmail"].address("alice"), "--host", "mail2")
    guest = deployed.hosts["mail2"]
    for login in ("shop", "campaigns"):
        assert shop.password(login) not in "\n".join(inside.log(guest, "transactional"))
        assert shop.password(login) not in guest.run("journalctl --no-pager -n 2000").stdout


def test_a_run_ends_with_where_mail_is_submitted_also_without_changes(deployed: Lab) -> None:
    done = road.deploy()
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert said.count("\n+-- Where mail is submitted --") == 1
    assert "| The transactional stream is open on mail1, mail2.\n" in said
    assert (
        "|   port 587 (STARTTLS) or 465 (TLS) of out1.shop.example (mail1), mail2.shop.example\n"
        in said
    )
    assert "|   login shop, MAIL FROM bounce@bounce.shop.example, From: at shop.example\n" in said
    assert "|   port 2587 (STARTTLS) or 2465 (TLS) of mail2.shop.example\n" in said
    assert "closed" not in said
    one = road.deploy("--limit", "mail2")
    assert "| Nothing is known of mail1: this run is not about it.\n" in one.stdout + one.stderr
    assert (
        "Where mail is submitted" not in road.pyinfra("--dry", INVENTORY, str(road.DEPLOY)).stderr
    )
