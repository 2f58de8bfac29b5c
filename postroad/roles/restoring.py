"""A host that takes the place of one that is lost: deploys/restore.py."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import PyinfraError

from postroad.mail.backup.archive import Backup, NoBackupError, archive_name, checked
from postroad.mail.backup.restoring import script
from postroad.mail.signing.found import KEYS
from postroad.roles.own import deploy, operation
from postroad.roles.run.left_out import RefusedError, alone
from postroad.roles.run.site import Site
from postroad.settings.files import from_base
from postroad.settings.terminal import inform

USAGE = "say where the backups are, as --data backups=/srv/backups/mail"


@alone
def backup_of(site: Site) -> Backup:
    """The backup of this host, checked before anything is changed; without one it is left out."""
    folder = site.pyhost.data.get("backups")
    if not folder:
        raise PyinfraError(f"which backups? {USAGE}")
    place = Path(str(folder))
    try:
        place = from_base(site.base, str(folder)) / archive_name(site.host.name)
        backup = checked(place.read_bytes())
    except OSError as error:
        raise RefusedError(f"{site.host.name}: {place} cannot be read: {error.strerror}") from None
    except NoBackupError as error:
        raise RefusedError(f"{site.host.name}: {place} is no backup of a host: {error}") from None
    for path in backup.passed_over:
        inform(f"{site.host.name}: {path} of the backup is not put back")
    return backup


@deploy("Backup")
def restore(site: Site, backup: Backup) -> None:
    """Keys, pauses, latches, certificate and mailboxes as the lost host had them."""
    put_back(name="What the lost host had", site=site, backup=backup)


@operation()
def put_back(site: Site, backup: Backup) -> Generator[StringCommand]:
    """Put the backup back, where the host has no key of its own: nothing there is replaced.

    + site: the host during this run
    + backup: that of this host, checked
    """
    # Of a revoked key nothing is left but its life.
    there = (key for key in site.state()[KEYS] if key.public_key)
    found = {(key.stream, key.domain, key.selector) for key in there}
    # Some of the backup's own are there after a run that was killed, which this one completes.
    if not found < set(backup.keys):
        host.noop("the host has keys")
        return
    yield StringCommand("sh", "-s", _stdin=script(backup, site.estate))
    site.forget()
