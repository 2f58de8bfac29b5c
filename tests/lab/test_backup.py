"""What a host gives as its backup is taken whatever lies in its Maildirs, and never believed."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.hosts import here
from lab.life.session import Lab
from lab.mail import road

RESTORE = here.CLONE / "deploys/restore.py"
NEW = "/var/mail/postroad/postmaster/new"
MESSAGE = f"{NEW}/1700000000.Vfe01I2M3.host"


@pytest.fixture
def odd_mailboxes(deployed: Lab) -> Iterator[None]:
    """On each host a message among what a service account may also put there."""
    for guest in deployed.targets.values():
        guest.run(
            f"install -d -o postroad-mail -g postroad-mail -m 700 {NEW};"
            f" runuser -u postroad-mail -- sh -c 'echo kept > {MESSAGE}; cd {NEW}; mkfifo 1.fifo;"
            ' ln -s /etc/shadow 2.link; echo x > "$(printf "3.\\nline")"; truncate -s 1G 5.huge\''
        )
    yield
    for guest in deployed.targets.values():
        guest.run(f"rm -rf {NEW}")


def test_odd_files_cost_no_host_its_backup_and_no_archive_is_believed(
    deployed: Lab, odd_mailboxes: None, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    kept = road.postroad("backup", str(road.INVENTORY), str(folder))
    assert kept.returncode == 0, kept.stdout + kept.stderr
    for name in deployed.targets:
        assert f"{name}: {NEW}/1.fifo is no file or folder, and is left out" in kept.stderr
        assert f"{name}: {NEW}/3.\\nline is none of what is kept" in kept.stderr
        assert f"{name}: {NEW}/5.huge is larger than" in kept.stderr
        with tarfile.open(folder / f"{name}.tar") as tar:
            found = {member.name: member for member in tar}
        assert MESSAGE.lstrip("/") in found
        assert not [member for member in found.values() if not member.isreg()]
        assert not [path for path in found if path.endswith((".fifo", ".link", ".huge", ".conf"))]
        _add(folder / f"{name}.tar", "etc/letsencrypt/renewal-hooks/pre/evil")
    done = road.pyinfra("-y", "--data", f"backups={folder}", str(road.INVENTORY), str(RESTORE))
    assert done.returncode != 0
    said = "'etc/letsencrypt/renewal-hooks/pre/evil' is outside of what a backup holds"
    assert said in done.stdout + done.stderr
    for guest in deployed.targets.values():
        guest.run("! ls /etc/letsencrypt/renewal-hooks/pre/evil 2>/dev/null")


def _add(archive: Path, name: str) -> None:
    content = b"#!/bin/sh\ntouch /root/evil\n"
    with tarfile.open(archive, "a") as tar:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o755
        tar.addfile(member, io.BytesIO(content))
