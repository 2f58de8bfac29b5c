"""The environment that our scripts begin with, whatever the account's own is. Pure.

POSIXLY_CORRECT changes what programs print, SYSTEMD_LOG_LEVEL adds to it, and
DBUS_SYSTEM_BUS_ADDRESS leads them elsewhere: what ~/.bashrc, /etc/environment or a login sets is
for people. A shell that forgets it keeps what it was started with in /proc/PID/environ, where the
connection of a run is read from (`postroad.mail.firewall.read`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The way to the packages and to the authority of certificates, where that is a host's only one.
_PROXIES = ("*_proxy", "*_PROXY")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def clean(kept: Iterable[str] = ()) -> str:
    """A line of shell that forgets all variables but proxies and those whose names are ``kept``.

    In the C locale, for a value of other octets; `command`, since a variable that cannot be unset
    would end the shell (POSIX, 2.8.1).
    """
    names = "|".join((*_PROXIES, *(name for name in kept if _NAME.fullmatch(name))))
    return (
        "unset IFS; for v in $(export -p |"
        f" LC_ALL=C sed -n 's/^export \\({_NAME.pattern}\\).*/\\1/p'); do"
        f" case $v in {names}) ;; *) command unset $v 2>/dev/null || :;; esac; done;"
        f" export LC_ALL=C HOME=/root PATH={PATH}"
    )
