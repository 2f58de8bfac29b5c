"""A run is killed, on both ends and at a chosen point; the next one completes it.

Where to die is no matter of luck: a program that the run calls on the host is replaced by one that
waits there for ever. Then the run's processes are killed, here and on the host, and it is put back.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from lab.mail import road
from tests.lab import plans
from tests.lab.runs import completed_by_the_next_run, family, start_a_run

MARKER = "/run/a-run-waits-here"


@dataclass(frozen=True)
class Point:
    """Where a run dies: in front of a call of ``program`` whose arguments match ``pattern``."""

    program: str
    pattern: str

    @property
    def shim(self) -> str:
        """The file that stands in the program's way."""
        return f"/usr/local/sbin/{self.program}"

    @property
    def script(self) -> str:
        """What stands there. It finds the program itself further down the path."""
        return f"""#!/bin/sh
case "$*" in {self.pattern})
    echo "$PPID" > {MARKER}
    exec sleep 600 ;;
esac
PATH=/usr/bin:/bin:/usr/sbin:/sbin exec {self.program} "$@"
"""


STAGING = Point("chown", "*/run/postroad/stage/marketing/var/lib/postroad/opened/marketing")
IN_THE_GATE = Point("systemd-run", "*canary*")
STAMP_FORGOTTEN = Point("mv", "*/etc/postfix-marketing/header_checks")
BETWEEN_TWO_FILES = Point("mv", "*/etc/postfix-marketing/sender_access")
NOT_YET_RELOADED = Point("systemctl", "re*postroad-postfix@marketing*")
STAMP_NOT_WRITTEN = Point("mv", "*/applied/marketing")
# apt-get(8) gives dpkg(1) a path of its own.
APT_PATH = "/etc/apt/apt.conf.d/99-a-test"
UNPACKING = Point("dpkg-deb", "*--fsys-tarfile*")
CONFIGURING = Point("py3compile", "*python3-spf*")


@contextmanager
def waiting_at(points: Mapping[Guest, Point]) -> Iterator[None]:
    """While it lasts, a run that comes to the point of a host waits there."""
    for guest, point in points.items():
        guest.write_file(point.shim, point.script, "0755")
    try:
        yield
    finally:
        for guest, point in points.items():
            guest.run(f"rm -f {point.shim} {MARKER}")


def kill(run: subprocess.Popen[bytes], seen: Mapping[Guest, str]) -> None:
    """Kill -9 the run here, and on each host everything beneath the login that ``seen`` is of."""
    families = {guest: family(guest, pid) for guest, pid in seen.items()}
    run.kill()
    run.wait()
    for guest, pids in families.items():
        # Some of them may have ended with the connection.
        guest.run(["kill", "-9", *pids], check=False)


def die_at(points: Mapping[Guest, Point]) -> None:
    """A run that is killed when it has come to its point on every host."""
    with waiting_at(points):
        run = start_a_run()
        try:
            for guest, point in points.items():
                _wait_for(guest, point)
            kill(run, {guest: guest.read_file(MARKER).strip() for guest in points})
        finally:
            run.kill()


def _wait_for(guest: Guest, point: Point) -> None:
    wait_until(
        lambda: guest.run(["test", "-s", MARKER], check=False).returncode == 0,
        300,
        f"{guest.name}: the run at {point}",
    )


@pytest.mark.parametrize(
    ("on_mail1", "on_mail2"),
    [
        pytest.param(STAGING, IN_THE_GATE, id="staging-and-in-the-gate"),
        pytest.param(STAMP_FORGOTTEN, BETWEEN_TWO_FILES, id="before-and-between-files"),
        pytest.param(STAMP_NOT_WRITTEN, NOT_YET_RELOADED, id="after-and-before-the-reload"),
    ],
)
def test_a_change_of_files(deployed: Lab, on_mail1: Point, on_mail2: Point) -> None:
    for guest in deployed.targets.values():
        guest.run(
            "for f in header_checks sender_access; do echo '# x' >> /etc/postfix-marketing/$f; done"
        )
    targets = deployed.targets
    die_at({targets["mail1"]: on_mail1, targets["mail2"]: on_mail2})
    assert plans.hosts(road.plan()) == set(targets)
    completed_by_the_next_run(deployed)


def test_an_installation(deployed: Lab) -> None:
    for guest in deployed.targets.values():
        guest.run("dpkg --remove --force-depends python3-spf")
        guest.write_file(APT_PATH, 'DPkg::Path "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin";\n')
    targets = deployed.targets
    try:
        die_at({targets["mail1"]: CONFIGURING, targets["mail2"]: UNPACKING})
    finally:
        for guest in targets.values():
            guest.run(["rm", APT_PATH])
    for guest in targets.values():
        # The guard that keeps packages from starting anything must not outlive its run.
        guest.run("if [ -e /usr/sbin/policy-rc.d ]; then /usr/sbin/policy-rc.d unbound start; fi")
    completed_by_the_next_run(deployed)


def test_a_request_for_a_certificate(deployed: Lab) -> None:
    ca, guest = deployed.hosts["ca"], deployed.targets["mail1"]
    guest.run("certbot delete --non-interactive --cert-name postroad")
    ca.run("systemctl kill --signal=STOP pebble.service")
    try:
        run = start_a_run()
        try:
            wait_until(lambda: _certbot(guest) != "", 120, "certbot at work")
            kill(run, {guest: _certbot(guest)})
        finally:
            run.kill()
    finally:
        ca.run("systemctl kill --signal=CONT pebble.service")
    wait_until(lambda: _certbot(guest) == "", 10, "the end of the one that was killed")
    completed_by_the_next_run(deployed)


def _certbot(guest: Guest) -> str:
    """The process that asks the authority and holds certbot's lock; empty where none does."""
    # The brackets keep the search from finding itself.
    found = "test -e /var/lib/letsencrypt/.certbot.lock && pgrep -of '[c]ertbot certonly'"
    return guest.run(found, check=False).stdout.strip()
