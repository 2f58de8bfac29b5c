"""Hosts are destroyed, and others take their places: the same keys, the same certificate."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from lab.hosts import here
from lab.life.session import Lab
from lab.mail import road
from tests.lab import mail

SERIAL = "openssl x509 -noout -serial -in /etc/letsencrypt/live/postroad/fullchain.pem"
KEYS = "cd /etc/postroad && sha256sum */keys/*/*.pem && stat -c '%n %U %a' */keys/*/*.pem"
RESTORE = here.CLONE / "deploys/restore.py"
RENEWAL = "etc/letsencrypt/renewal/postroad.conf"
MESSAGE = "var/mail/postroad/postmaster/new/1700000000.Vfe01I2M3.host"
RENEW = "certbot renew --force-renewal --no-random-sleep-on-renew"


def test_new_hosts_serve_the_same_estate_at_once(deployed: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    kept = road.postroad("backup", str(road.INVENTORY), str(folder))
    assert kept.returncode == 0, kept.stdout + kept.stderr
    assert folder.stat().st_mode & 0o777 == 0o700
    guests = deployed.targets.values()
    before = {guest.name: (guest.run(SERIAL).stdout, guest.run(KEYS).stdout) for guest in guests}
    for guest in guests:
        archive = folder / f"{guest.name}.tar"
        assert archive.stat().st_mode & 0o777 == 0o600
        # As versions before kept it, and as a host that was taken over would give it.
        conf = guest.run(f"cat /{RENEWAL}").stdout + "pre_hook = touch /root/evil\n"
        _add(archive, RENEWAL, conf.encode())
        _add(archive, MESSAGE, b"Subject: a bounce\n\nkept\n")
        guest.reset()
    for guest in guests:
        guest.wait_for_boot()
    done = road.pyinfra("-y", "--data", f"backups={folder}", str(road.INVENTORY), str(RESTORE))
    assert done.returncode == 0, done.stdout + done.stderr
    # Nothing has to be published, and nothing waits for the world.
    assert "Publish these records" not in done.stdout + done.stderr
    for guest in guests:
        assert (guest.run(SERIAL).stdout, guest.run(KEYS).stdout) == before[guest.name]
        assert guest.run(f"stat -c '%U %a' /{MESSAGE}").stdout == "postroad-mail 600\n"
        assert before[guest.name][1].split()[0] not in done.stdout + done.stderr
    assert road.plan() == []
    mail.flows(deployed, mail.DOORS)
    for guest in guests:
        # By the account that was kept, as declared, and with no command of the archive's.
        guest.run(RENEW)
        assert guest.run("cat /etc/letsencrypt/renewal/postroad.conf").stdout.count("hook") == 0
        guest.run("! ls /root/evil 2>/dev/null")
        assert guest.run(SERIAL).stdout != before[guest.name][0]
    assert road.plan() == []


def _add(archive: Path, name: str, content: bytes) -> None:
    with tarfile.open(archive, "a") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))


def test_a_folder_without_a_backup_changes_nothing(deployed: Lab, tmp_path: Path) -> None:
    where = ("--limit", "mail2", "--data", f"backups={tmp_path}")
    done = road.pyinfra("-y", *where, str(road.INVENTORY), str(RESTORE))
    assert done.returncode != 0
    assert f"{tmp_path}/mail2.tar cannot be read: No such file" in done.stdout + done.stderr
    assert road.plan() == []


def test_a_folder_that_others_may_look_into_takes_no_keys(deployed: Lab, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    kept = road.postroad("backup", str(road.INVENTORY), str(tmp_path))
    assert kept.returncode == 2
    assert "others may look into it (mode 755): chmod 700" in kept.stderr
    assert list(tmp_path.glob("*.tar")) == []
