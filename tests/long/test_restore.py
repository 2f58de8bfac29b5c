"""A host is destroyed, and another takes its place: the same keys, the same certificate."""

from __future__ import annotations

from pathlib import Path

from lab import control, road
from lab.session import Lab
from tests.lab import mail

SERIAL = "openssl x509 -noout -serial -in /etc/letsencrypt/live/postroad/fullchain.pem"
KEYS = "cd /etc/postroad && sha256sum */keys/*/*.pem && stat -c '%n %U %a' */keys/*/*.pem"
RESTORE = control.CLONE / "deploys/restore.py"


def test_a_new_host_serves_the_same_estate_at_once(deployed: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    kept = road.postroad("backup", str(road.INVENTORY), str(folder))
    assert kept.returncode == 0, kept.stdout + kept.stderr
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "mail2.tar").stat().st_mode & 0o777 == 0o600
    guest = deployed.targets["mail2"]
    serial, keys = guest.run(SERIAL).stdout, guest.run(KEYS).stdout
    guest.run("mkdir -p -m 700 /var/mail/postroad/postmaster/new")
    guest.reset()
    guest.wait_for_boot()
    where = ("--limit", "mail2", "--data", f"backups={folder}")
    done = road.pyinfra("-y", *where, str(road.INVENTORY), str(RESTORE))
    assert done.returncode == 0, done.stdout + done.stderr
    # Nothing has to be published, and nothing waits for the world.
    assert "Publish these records" not in done.stdout + done.stderr
    assert guest.run(KEYS).stdout == keys
    assert guest.run(SERIAL).stdout == serial
    assert road.plan() == []
    mail.flows(deployed, [door for door in mail.DOORS if door[0] == "mail2"])
    first = next(line for line in keys.splitlines()).split()[0]
    assert first not in done.stdout + done.stderr


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
