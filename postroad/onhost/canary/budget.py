"""What answers the copy of inbound when it asks how much a mailbox has already."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from postroad.onhost.canary.commands import wait_for
from postroad.onhost.canary.places import Canary
from postroad.onhost.common.programs import command

ENOUGH = 1 << 60


@contextmanager
def budget(canary: Canary, size: int = ENOUGH) -> Iterator[None]:
    """The host's own program, for Maildirs of the canary's that may have ``size`` bytes each."""
    places = (canary.mailboxes, canary.home / "queue", canary.config / "mailboxes")
    limits = (size, ENOUGH, 1, 0, ENOUGH)
    serve = command("budget", "serve", *map(str, (canary.budget, *places, *limits)))
    canary.budget.unlink(missing_ok=True)
    with subprocess.Popen(serve) as process:
        try:
            wait_for(lambda: canary.budget.is_socket() or None, "budget: it opens no socket")
            shutil.chown(canary.budget, group="postfix")
            yield
        finally:
            process.kill()
