"""From `pip install` and an empty folder to the first mail of a bare host."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime
from pathlib import Path
from uuid import uuid4

import pytest

from lab.hosts.guest import Guest
from lab.hosts.network import APPLICATION, MACHINE
from lab.life.session import Lab
from lab.mail import road, shop
from tests.lab.installed import Repository
from tests.lab.runs import deploy_twice
from tests.lab.variants import plain

# Below the shop's own, so that the zone is there, and no name of the shop's is touched.
DOMAIN = "first.shop.example"
INVENTORY = "inventories/prod.py"
DEPLOY = "deploys/mailserver.py"
# What stands for the Internet in the lab; an operator declares none of it but the zones.
OF_THE_LAB = (
    "tls",
    "resolver",
    "dns",
    "apt_proxy",
    "port25_probe",
    "private_networks",
    "record_ttl",
)


@pytest.fixture
def bare(deployed: Lab) -> Iterator[Guest]:
    """mail2 as the hoster hands it over; host and names as they were, afterwards."""
    guest = deployed.targets["mail2"]
    ours = [zone for zone in deployed.dns.zones() if zone.endswith(("shop.example.", ".arpa."))]
    good = {zone: deployed.dns.dump(zone) for zone in ours}
    guest.reset()
    guest.wait_for_boot()
    yield guest
    deployed.dns.load_zones(good)
    guest.reset()
    guest.wait_for_boot()
    deploy_twice(deployed)
    assert road.plan() == []


@pytest.fixture
def repository(deployed: Lab, programs: Path, tmp_path: Path) -> Repository:
    """An empty folder, and a home whose only key opens the hosts."""
    keys = tmp_path / "home" / ".ssh"
    keys.mkdir(parents=True, mode=0o700)
    shutil.copy(deployed.ssh_key, keys / deployed.ssh_key.name)
    folder = tmp_path / "mail"
    folder.mkdir()
    return Repository(folder, programs, {"HOME": str(tmp_path / "home"), "SSH_AUTH_SOCK": ""})


def answers(lab: Lab, guest: Guest) -> str:
    """What whoever begins types: a mistake, and Return where the default will do."""

    def both(number: int) -> str:
        return f"{lab.network.ipv4(number)}, {lab.network.ipv6(number)}"

    typed = (
        DOMAIN.title(),
        DOMAIN,
        f"mail2={guest.ipv4[0]},{guest.ipv6[0]}",
        shop.ADMIN,
        both(MACHINE),
        both(APPLICATION),
        "",
        "",
    )
    return "".join(f"{line}\n" for line in typed)


def succeed(repository: Repository, program: str, *arguments: str, typed: str = "") -> str:
    done = repository.run(program, *arguments, typed=typed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_from_pip_install_to_the_first_mail(
    deployed: Lab, bare: Guest, repository: Repository
) -> None:
    assert succeed(repository, "postroad", "--version").startswith("postroad ")
    succeed(repository, "postroad", "init", typed=answers(deployed, bare))
    checked = succeed(repository, "postroad", "settings", "check", INVENTORY)
    assert checked.count("no password opens this login yet") == 2

    # As its README says: the host's key, and a password for each login.
    shutil.copy(deployed.known_hosts, repository.folder / "inventories" / "known_hosts")
    password = uuid4().hex
    estate = repository.folder / "group_data" / "prod.py"
    for _ in range(2):
        made = succeed(repository, "postroad", "secret", "hash", typed=f"{password}\n").strip()
        text = estate.read_text().replace("Hidden(NOT_YET)", f'Hidden("{made}")', 1)
        estate.write_text(text)
    around = {key: shop.estate(deployed)[key] for key in OF_THE_LAB}
    estate.write_text(f"{estate.read_text()}\nestate |= {plain(around)!r}\n")
    assert "no password" not in succeed(repository, "postroad", "settings", "check", INVENTORY)

    for _ in range(2):
        publish(deployed, repository)
        succeed(repository, "pyinfra", "-y", INVENTORY, DEPLOY)
    assert ", 0 wrong" in succeed(repository, "postroad", "dns", "check", INVENTORY)

    for stream, domain, port, login in (
        ("transactional", DOMAIN, 587, "shop"),
        ("marketing", f"news.{DOMAIN}", 2587, "campaigns"),
    ):
        message = letter(domain, deployed.providers["bigmail"].address("alice"))
        reply = deployed.app.submit(
            f"mail2.{DOMAIN}",
            port,
            mail_from=f"bounce@bounce.{domain}",
            rcpts=[str(message["To"])],
            message=message.as_bytes(policy=SMTP),
            user=login,
            password=password,
        )
        assert reply.is_accepted, f"{stream}: {reply}"
        arrived = deployed.providers["bigmail"].wait_for(str(message["Subject"]))
        results = " ".join(arrived.authentication_results)
        assert f"d={domain};" in str(arrived.message["DKIM-Signature"])
        assert "dkim=pass" in results
        assert "dmarc=pass" in results

    # The deploys that came with it work as well, and what they say names files that are there.
    succeed(repository, "pyinfra", "-y", INVENTORY, "deploys/rotate_dkim.py")
    said = ("--data", "stream=marketing", "--data", "do=stop")
    succeed(repository, "pyinfra", "-y", *said, INVENTORY, "deploys/pause.py")
    audited = repository.run("postroad", "audit", INVENTORY)
    assert "deploys/pause.py --data stream=marketing --data do=resume" in audited.stdout


def publish(lab: Lab, repository: Repository) -> None:
    succeed(repository, "postroad", "dns", "publish", "--yes", INVENTORY)
    lab.dns.take_up()
    road.forget_names(lab)


def letter(domain: str, recipient: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = f"Toys <orders@{domain}>"
    message["To"] = recipient
    message["Subject"] = f"The first {uuid4().hex[:8]}"
    message["Message-ID"] = f"<{uuid4().hex}@{domain}>"
    message["Date"] = format_datetime(localtime())
    message["List-Unsubscribe"] = f"<https://{domain}/unsubscribe>"
    message.set_content("Hello.\n")
    return message
