"""Hostile values in every row, read back by each format's own reader; and mail by them."""

from __future__ import annotations

import io
import tarfile
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from lab.hosts.guest import Guest
from lab.life.session import Lab
from lab.mail import shop, verify
from postroad.dns.octodns import document
from postroad.dns.records import derive
from postroad.dns.zone import zone_text
from postroad.mail.parts.order import rows
from postroad.mail.parts.row import Row
from postroad.mail.render import HostFacts, Renderer
from postroad.settings.model import Estate, Host
from tests import hostile
from tests.hostile import Ask
from tests.lab import variants
from tests.lab.mail import DOORS
from tests.unit import estates

# What each host has installed: templates ask for it.
INSTALLED = {"mail1": ("3.7.11", "2.3.19.1"), "mail2": ("3.10.5", "2.4.1")}
FOLDER = "/run/postroad-hostile"


def facts(name: str, estate: Estate, host: Host) -> HostFacts:
    postfix, dovecot = INSTALLED[name]
    return replace(estates.facts(estate, host, postfix), dovecot_version=dovecot)


def archive(texts: dict[str, str]) -> str:
    """A tar archive of the texts by their paths, as base64."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, text in texts.items():
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return b64encode(packed.getvalue()).decode()


def answers(guest: Guest, texts: dict[str, str], asks: list[tuple[str, Ask]]) -> list[str]:
    """What the readers say, all in one command. ``asks`` name the text that each is about."""
    lines = [
        f"rm -rf {FOLDER}; mkdir -p {FOLDER}; cd {FOLDER}",
        "base64 -d <<'END' | tar x",
        archive(texts),
        "END",
    ]
    for path, ask in asks:
        lines.append(f"f={FOLDER}{path}; d=${{f%/*}}")
        lines.append(f"printf '%s\\0' \"$({{ {ask.command.strip()}; }} 2>&1)\"")
    script = "\n".join([*lines, f"rm -rf {FOLDER}", ""])
    return guest.run(["bash", "-s"], input=script, timeout=300).stdout.split("\0")[:-1]


@pytest.mark.parametrize("name", INSTALLED)
def test_every_row_says_to_its_reader_what_the_estate_says(name: str, deployed: Lab) -> None:
    texts: dict[str, str] = {}
    asks: list[tuple[str, Ask]] = []
    said: list[tuple[str, Row]] = []
    asked: set[tuple[str, str, Ask]] = set()
    renderer = Renderer(lambda path: "# its text\n", lambda ref: hostile.SECRET)
    for number, (what, declared) in enumerate(hostile.declarations()):
        estate = estates.estate(declared)
        (host,) = estate.hosts
        found = facts(name, estate, host)
        for row in (row for row in rows(estate, host) if row.template in hostile.READERS):
            path = f"/{number}{row.path}"
            texts[path] = renderer.text(row, estate, host, found)
            for ask in hostile.READERS[row.template](row, estate, host):
                # Most rows are the same in most of these estates.
                if (row.path, texts[path], ask) not in asked:
                    asked.add((row.path, texts[path], ask))
                    asks.append((path, ask))
                    said.append((what, row))
    found_by = answers(deployed.targets[name], texts, asks)
    assert len(found_by) == len(asks)
    wrong = [
        f"{what}: {row.path}: {ask.command}\n    says {answer!r}, not {ask.answer!r}"
        for (what, row), (_, ask), answer in zip(said, asks, found_by, strict=True)
        if answer.rstrip("\n") != ask.answer
    ]
    assert not wrong, f"{len(wrong)} of {len(asks)}\n" + "\n".join(wrong[:20])


def test_a_name_server_reads_the_zone(deployed: Lab) -> None:
    """knot's own checker takes each zone, and says each report address as declared."""
    soa = "shop.example. 60 IN SOA ns. x. 1 1 1 1 1\nshop.example. 60 IN NS ns.\n"
    texts, asks = {}, []
    for number, local in enumerate(hostile.LOCAL_PARTS):
        estate = estates.estate(hostile.estate_of(local))
        records = [r for r in derive(estate, ()) if r.owner.endswith("shop.example")]
        assert document("shop.example", records)
        texts[f"/{number}"] = soa + zone_text(records)
        check = 'knotc -c "$f.conf" zone-check shop.example && echo OK'
        texts[f"/{number}.conf"] = f"zone:\n  - domain: shop.example\n    file: {FOLDER}/{number}\n"
        asks.append((f"/{number}", Ask(check, "")))
    assert answers(deployed.hosts["ns"], texts, asks) == ["OK"] * len(asks)


# What main.cf, a table, a map, a pattern, a URI and a shell would each take for theirs. The admin's
# has none of those that the provider's Postfix takes for a route, and refuses of everybody.
LOCAL = "#{$mydomain%|o'b`id`?*+&!=~^"
ADMIN = f"{LOCAL.replace('%', '').replace('!', '')}@bigmail.example"
CRON = "From: root (Cron Daemon)\nTo: root\nSubject: {subject}\n\nbackup: disk is nearly full\n"


def hostile_shop(deployed: Lab) -> dict[str, Any]:
    """The lab's estate with that local part for the admin, the system sender and a login."""
    declared: dict[str, Any] = shop.estate(deployed)
    declared["admin"]["email"] = ADMIN
    declared["system_sender"] = f"{LOCAL}@{shop.DOMAIN}"
    user = declared["streams"]["transactional"]["users"][shop.USERS["transactional"]]
    user["from"] = [f"{LOCAL}@{shop.DOMAIN}"]
    user["envelope"] = [f"{LOCAL}@bounce.{shop.DOMAIN}"]
    # A login with capitals, which Dovecot 2.3 would fold before it looks for it.
    odd = declared["streams"]["marketing"]["users"]
    odd["Odd.Login_1@Shop"] = dict(odd[shop.USERS["marketing"]])
    comment = "$(id) `id` \\ ; # %s {x} --dry-run"
    opening = {"port": 8443, "protocol": "tcp", "networks": ["192.0.2.0/24"], "comment": comment}
    declared["firewall"] = {"open": [opening]}
    # The variant's estate is kept as JSON; as in production, pyinfra would print no hash of it.
    for stream in declared["streams"].values():
        for login in stream["users"].values():
            login["passwords"] = [each.unmask() for each in login["passwords"]]
    changed = ("hosts", "admin", "system_sender", "streams", "firewall")
    return {key: declared[key] for key in changed}


def written_by_login(deployed: Lab, host: str, recipient: str) -> str:
    """What the provider says of a letter by the login that may write as that local part alone."""
    server, port = DOORS[host, "transactional"]
    user = shop.USERS["transactional"]
    subject = f"By a login {uuid4().hex[:12]}"
    message = (
        f"From: {LOCAL}@{shop.DOMAIN}\r\nTo: {recipient}\r\nSubject: {subject}\r\n"
        "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\nA receipt.\r\n"
    )
    reply = deployed.app.submit(
        server,
        port,
        mail_from=f"{LOCAL}@bounce.{shop.DOMAIN}",
        rcpts=[recipient],
        message=message.encode(),
        user=user,
        password=shop.password(user),
    )
    assert reply.is_accepted, f"{host}: {reply}"
    received = deployed.providers["bigmail"].wait_for(subject)
    assert received.envelope_from == f"{LOCAL}@bounce.{shop.DOMAIN}"
    return "dkim=pass" if "dkim=pass" in " ".join(received.authentication_results) else "no"


@pytest.fixture
def hostile_estate(deployed: Lab, tmp_path: Path, mended: None) -> variants.Variant:
    """That estate, deployed past the canaries, which carry its mail."""
    variant = variants.variant(tmp_path, hostile_shop(deployed))
    done = variant.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    return variant


def test_mail_of_hostile_addresses_goes_where_they_say(
    hostile_estate: variants.Variant, deployed: Lab
) -> None:
    assert hostile_estate.plan() == []
    bigmail = deployed.providers["bigmail"]
    for guest in deployed.targets.values():
        subject = f"Cron <root> {uuid4().hex[:12]}"
        guest.run(["sendmail", "-i", "root"], input=CRON.format(subject=subject))
        received = bigmail.wait_for(subject)
        assert received.recipient == ADMIN
        assert f"<{LOCAL}@{shop.DOMAIN}>" in str(received.message["From"])
        assert verify.has_valid_signature(deployed, received.raw)
        assert written_by_login(deployed, guest.name, bigmail.address("alice")) == "dkim=pass"
        assert "8443" in guest.run(["ufw", "status"]).stdout
