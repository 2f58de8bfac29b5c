"""Putting a backup back on a host that takes the place of another."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import StringCommand

from postroad.backup import Backup, script
from postroad.site import Site


@operation()
def restore(site: Site, backup: Backup) -> Generator[StringCommand]:
    """Put the backup back, where the host has no key yet: nothing that is there is replaced.

    + site: the host during this run
    + backup: that of this host, checked
    """
    if site.state().keys:
        host.noop("the host has keys")
        return
    yield StringCommand("sh", "-s", _stdin=script(backup.archive))
    site.forget()
