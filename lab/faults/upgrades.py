"""Security upgrades as they come to a host: a repository, apt's daily services, new daemons."""

from __future__ import annotations

import json
from functools import partial

from lab import onhost
from lab.hosts.guest import Guest, wait_until

# What an estate of the lab declares, so that the repository counts as one of security upgrades.
ORIGIN = "origin=Lab,label=Lab-Security"
SOURCES = ("postfix", "opendkim", "dovecot", "unbound", "openssl")
REFRESH = "postroad-refresh.service"

# Each service of ours with the files that its processes run and that were replaced.
_OUTDATED = """\
python3 -IBc 'import json, sys
sys.path.insert(0, "/usr/local/lib/postroad")
from postroad.onhost.refresh.main import outdated
found = outdated()
print(json.dumps({unit: sorted(files) for unit, files in found.items()}))'
"""
_DAILY = ("apt-daily.service", "apt-daily-upgrade.service")


def offer(guest: Guest) -> None:
    """Put a higher version of all that the host has of `SOURCES` into a repository on it."""
    guest.run(["sh", "-c", onhost.program("upgrades.sh"), "upgrades", *SOURCES], timeout=600)


def install_unattended(guest: Guest) -> None:
    """Run what apt's timers run."""
    # Nothing is done twice a day.
    guest.run("rm -f /var/lib/apt/periodic/*-stamp")
    for unit in _DAILY:
        # As a timer does it: an upgrade may begin systemd anew, and it forgets who waits for it.
        guest.run(["systemctl", "start", "--no-block", unit])
        wait_until(partial(_rests, guest, unit), 900, f"{guest.name}: {unit}")


def withdraw(guest: Guest) -> None:
    """Back to the distribution's packages, and daemons that run them."""
    guest.run(["sh", "-c", onhost.program("downgrade.sh")], timeout=600)
    wait_until_refreshed(guest)


def outdated(guest: Guest) -> dict[str, list[str]]:
    """The replaced files that services of the host still run, by service."""
    found: dict[str, list[str]] = json.loads(guest.run(_OUTDATED).stdout)
    ours = ("postroad-", "postfix", "unbound", "systemd-timesyncd")
    return {unit: files for unit, files in found.items() if unit.startswith(ours)}


def _rests(guest: Guest, unit: str) -> bool:
    """Whether a oneshot service is over, by systemd's own word."""
    state = guest.run(["systemctl", "is-active", unit], check=False).stdout.strip()
    return state in ("inactive", "failed")


def wait_until_refreshed(guest: Guest, timeout: float = 180) -> None:
    """Wait until no daemon of ours is outdated, and nobody is at work on that."""
    wait_until(
        lambda: _rests(guest, REFRESH) and not outdated(guest),
        timeout,
        f"{guest.name}: daemons that run what is installed",
    )
