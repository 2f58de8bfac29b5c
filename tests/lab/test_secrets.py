"""What the operator brings as a secret: a DKIM key, and two passwords during a change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from lab.life.session import Lab
from lab.mail import letters, road, shop
from lab.world.client import SmtpReply
from postroad.settings.passwords import hashed
from tests.keys import pem
from tests.lab.variants import variant

SERVER = "mail2.shop.example"
SELECTOR = "brought"


@pytest.fixture(scope="module", autouse=True)
def _as_declared(deployed: Lab) -> Iterator[None]:
    """Afterwards mail2 is again what the lab's own inventory says."""
    yield
    for _ in ("the key is made", "and seen by the world"):
        done = road.deploy("--limit", "mail2")
        assert done.returncode == 0, done.stdout + done.stderr
        road.publish(deployed)
    assert road.plan("--limit", "mail2") == []


def test_two_passwords_are_valid_during_a_change(deployed: Lab, tmp_path: Path) -> None:
    streams = _streams(deployed)
    user = streams["transactional"]["users"]["shop"]
    user["passwords"] = [*user["passwords"], hashed("the new one")]
    done = variant(tmp_path, {"streams": streams}).deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    assert _login(deployed, shop.password("shop")).is_accepted
    assert _login(deployed, "the new one").is_accepted
    refused = _login(deployed, "a third one")
    assert (refused.code, refused.stage) == (535, "auth")


def test_a_supplied_key_signs_and_is_seen_nowhere(
    deployed: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = _private_key()
    monkeypatch.setenv("BROUGHT_DKIM_KEY", key)
    brought = {
        "host": "mail2",
        "stream": "transactional",
        "domain": shop.DOMAIN,
        "selector": SELECTOR,
        "key": {"env": "BROUGHT_DKIM_KEY"},
    }
    supplied = variant(tmp_path, {"dkim_keys": [brought]})
    host = deployed.hosts["mail2"]
    done = supplied.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    # A key the world has not seen closes the stream until its record is published.
    assert f"{SELECTOR}._domainkey" in done.stdout + done.stderr
    road.publish(deployed, supplied.inventory)
    assert supplied.deploy().returncode == 0
    letter = letters.receipt(deployed.providers["bigmail"].address("alice"))
    assert _submit(deployed, shop.password("shop"), letter).is_accepted
    arrived = deployed.providers["bigmail"].wait_for(letter.subject)
    assert f"s={SELECTOR};" in str(arrived.message["DKIM-Signature"])
    assert "dkim=pass" in " ".join(arrived.authentication_results)
    path = f"/etc/postroad/transactional/keys/{shop.DOMAIN}/{SELECTOR}.pem"
    assert host.run(f"stat -c %a:%U:%G {path}").stdout.strip() == "600:opendkim:opendkim"
    assert key.splitlines()[1] not in done.stdout + done.stderr


def _streams(lab: Lab) -> dict[str, dict[str, dict[str, dict[str, list[str]]]]]:
    declared = shop.estate(lab)["streams"]
    assert isinstance(declared, dict)
    return declared


def _login(lab: Lab, password: str) -> SmtpReply:
    return _submit(lab, password, letters.receipt(lab.providers["bigmail"].address("alice")))


def _submit(lab: Lab, password: str, letter: letters.Letter) -> SmtpReply:
    return lab.app.submit(
        SERVER,
        587,
        mail_from=letters.ENVELOPE["transactional"],
        rcpts=[letter.recipient],
        message=letter.message.as_bytes(),
        user="shop",
        password=password,
    )


def _private_key() -> str:
    return pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)).decode()
