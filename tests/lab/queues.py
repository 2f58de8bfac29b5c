"""What stands in the queues of the streams: signed mail, and reports to our own bounce addresses.

Asked of the queue files themselves, as postcat(1) shows them, with one command a host.
"""

from __future__ import annotations

import lab as lab_package
from lab.hosts.errors import LabError
from lab.hosts.guest import Guest
from lab.life.session import Lab

# As much as a test can leave behind and be told within a second.
_LOOKED_AT = 200

# The bounce addresses of the lab's estate (lab/mail/shop.py).
_BOUNCE = r"bounce(\+[^@]+)?@bounce\.(news\.)?shop\.example"

# Prints a line for each message that should not be there. A file that is being written is none yet
# (its owner may execute those that are whole), and one that is gone has been delivered.
_LOOK = f"""
import glob, os, re, subprocess
for config in sorted(glob.glob("/etc/postfix-*")):
    if config == "/etc/postfix-inbound":
        continue
    spool = config.replace("/etc/", "/var/spool/")
    found = [os.path.join(folder, name)
             for queue in ("incoming", "active", "deferred", "hold")
             for folder, _, names in os.walk(os.path.join(spool, queue)) for name in names]
    for path in found[:{_LOOKED_AT}]:
        try:
            if not os.stat(path).st_mode & 0o100:
                continue
        except OSError:
            continue
        shown = subprocess.run(["postcat", "-c", config, "-eh", path], capture_output=True)
        text = shown.stdout.decode(errors="replace")
        if shown.returncode or not text:
            continue
        sender = re.search(r"^sender: ?(.*)$", text, re.M)
        sender = sender.group(1) if sender else "?"
        to = re.findall(r"^(?:recipient|done_recipient): (.*)$", text, re.M)
        signed = re.search(r"^DKIM-Signature:", text, re.M)
        ours = to and all(re.fullmatch(r"{_BOUNCE}", one) for one in to)
        if not signed and not (sender in ("", "<>") and ours):
            print(path, "from", sender or "<>", "to", *to)
"""


def strange_mail(guest: Guest) -> list[str]:
    """Messages in any stream's queue of ``guest`` that nobody signed and that are no report.

    Empty where the host is down or has no Postfix. LabError where it does not answer.
    """
    if not guest.is_running() or guest.run(["which", "postcat"], check=False).returncode:
        return []
    return guest.run(["python3", "-c", _LOOK]).stdout.splitlines()


def running() -> Lab | None:
    """The lab that is up, if there is one; none is brought up."""
    try:
        return lab_package.load()
    except LabError:
        return None
