"""Putting a backup back on a host that takes the place of another."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api.command import StringCommand

from postroad.mail.backup.archive import Backup
from postroad.mail.backup.restoring import script
from postroad.mail.signing.found import KEYS
from postroad.operations.own import operation
from postroad.roles.run.site import Site


@operation()
def restore(site: Site, backup: Backup) -> Generator[StringCommand]:
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
