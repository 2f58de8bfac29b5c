"""A sending host looked at from within: its logs, its queues, its mailboxes."""

from __future__ import annotations

import re
import time
from base64 import b64decode
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from lab.hosts.errors import LabError
from lab.hosts.guest import Guest, wait_until

_POLL = 0.1


def log(guest: Guest, instance: str) -> list[str]:
    """The lines of one instance's log."""
    return guest.read_file(f"/var/log/postroad/{instance}.log").splitlines()


def wait_for_log(
    guest: Guest, instance: str, pattern: str, skip: int = 0, timeout: float = 30
) -> re.Match[str]:
    """The first match of ``pattern`` in the instance's log after its first ``skip`` lines.

    A log with fewer lines was rotated meanwhile, and has nothing that is older.
    """
    deadline = time.monotonic() + timeout
    while True:
        written = log(guest, instance)
        lines = written[skip:] if len(written) >= skip else written
        found = next(filter(None, (re.search(pattern, line) for line in lines)), None)
        if found:
            return found
        if time.monotonic() > deadline:
            raise LabError(f"{pattern!r} not in the {instance} log\n" + "\n".join(lines[-15:]))
        time.sleep(_POLL)


def queued(guest: Guest, instance: str, *queues: str) -> int:
    """How many messages the named queues of one instance hold (all but ``corrupt`` if none)."""
    spool = "/var/spool/postfix" if instance == "default" else f"/var/spool/postfix-{instance}"
    # In the order in which mail moves, so that each message is met, and counts once.
    names = queues or ("deferred", "hold", "maildrop", "incoming", "active", "deferred")
    places = " ".join(f"{spool}/{name}" for name in names)
    found = guest.run(f"find {places} -type f -printf '%f\\n' 2>/dev/null | sort -u")
    return len(found.stdout.splitlines())


def empty(guest: Guest, stream: str) -> None:
    """Throw away all mail of a stream, and wait until it is gone."""
    guest.run(["postsuper", "-c", f"/etc/postfix-{stream}", "-d", "ALL"])
    wait_until(lambda: queued(guest, stream) == 0, 10, f"{stream}: empty queue")


def mailbox(guest: Guest, name: str) -> list[EmailMessage]:
    """The messages of one Maildir of ours, as transactional/bounces or postmaster."""
    folder = f"/var/mail/postroad/{name}/new"
    said = guest.run(f'for f in {folder}/*; do [ -f "$f" ] && base64 -w0 "$f" && echo; done; :')
    return [message_from_bytes(b64decode(line), policy=default) for line in said.stdout.split()]
