"""What may be in a stream's queue: signed mail, and reports to our own bounce address."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import lab as lab_package
from lab.errors import LabError
from lab.guest import Guest

# For each queue file (postcat(1) marks its parts with asterisks): whose it is, to whom, whether its
# header has a signature. One that leaves while it is looked at has nothing to say.
_LOOK = r"""
for spool in /var/spool/postfix-*; do
  stream=${spool##*/postfix-}
  [ "$stream" = inbound ] && continue
  cd "$spool" && find incoming active deferred hold -type f -perm -u+x 2>/dev/null |
  xargs -r postcat -c "/etc/postfix-$stream" 2>/dev/null | awk -v stream="$stream" '
    /^\*\*\* ENVELOPE RECORDS / { inside = 0; signed = 0; sender = ""; recipients = "" }
    /^\*\*\* MESSAGE CONTENTS / { inside = 1; next }
    /^\*\*\* HEADER EXTRACTED / { inside = 0 }
    /^\*\*\* MESSAGE FILE END / && !signed { print stream, "<" sender ">" recipients }
    /^sender: / && !inside { sender = $2 }
    /^recipient: / && !inside { recipients = recipients " " $2 }
    /^$/ && inside { inside = 2 }
    /^DKIM-Signature: / && inside == 1 { signed = 1 }'
done
"""


def _unsigned(guest: Guest) -> Iterator[str]:
    try:
        said = guest.run(_LOOK, check=False, timeout=120).stdout
    except (LabError, OSError, subprocess.SubprocessError):
        return  # It is down, or has no Postfix: then it sends nothing.
    for line in said.splitlines():
        stream, sender, *recipients = line.split()
        is_report = sender == "<>" and all(
            one.startswith("bounce") and "@bounce." in one for one in recipients
        )
        if not is_report:
            yield f"{guest.name}, {stream}: unsigned in the queue: {sender} to {recipients}"


def unsigned() -> list[str]:
    """Messages in the streams' queues of any host of the lab that would leave unsigned."""
    try:
        targets = lab_package.load().targets.values()
    except LabError:
        return []
    return [fault for guest in targets if guest.is_running() for fault in _unsigned(guest)]
