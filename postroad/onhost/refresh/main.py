"""refresh: every daemon of postroad runs what is installed, one stream after another.

After an upgrade, daemons go on with programs and libraries that are no longer on the disk. This
waits until the package manager is done, and restarts the units concerned part by part: what all
share, then inbound, then stream by stream, the transactional one last. A part must answer before
the next is touched, and none is touched while another does not answer. Whatever does not come back
within PATIENCE is named, the exit status is 1, and all that is left runs on as it did.

Runs as postroad-refresh.service, started by dpkg (dpkg.cfg(5)); may be run by hand at any time.
"""

from __future__ import annotations

import fcntl
import os
import re
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from postroad.onhost.common import places
from postroad.onhost.common.systemd import SERVICE
from postroad.onhost.common.tls import any_certificate

USAGE = "usage: refresh"
PATIENCE = 60.0
POLL = 0.2
ANSWER = 10.0

PROC = Path("/proc")
# dpkg(1) and apt hold it for as long as packages are being changed.
PACKAGES_LOCK = Path("/var/lib/dpkg/lock-frontend")
RUN_LOCK = Path(places.RUN_LOCK)
ENABLED = Path("/etc/systemd/system/multi-user.target.wants")

SHARED = (
    "unbound.service",
    "systemd-timesyncd.service",
    "postfix.service",
    "postfix@-.service",
    "postroad-budget.service",
)
FIRST, LAST = "inbound", "transactional"

OURS = re.compile(r"postroad-(?:dkim|milter|auth|postfix)@(.+)\.service")
# proc(5), maps: programs and libraries are mapped to be executed; caches and queues never are.
REPLACED = re.compile(r"^\S+ ..x. \S+ \S+ \d+ +(/(?:usr|lib|bin|sbin)\S*) \(deleted\)$", re.M)


@dataclass(frozen=True)
class Part:
    """What is restarted together: one unit that all share, or the units of one instance."""

    name: str
    units: tuple[str, ...]
    instance: str = ""

    @property
    def rank(self) -> tuple[int, str]:
        """Its place in the order: the fewer mails it could cost, the earlier."""
        if not self.instance:
            return 0, str(SHARED.index(self.name))
        return {FIRST: 1, LAST: 3}.get(self.instance, 2), self.name


# ---- what is outdated


def outdated() -> dict[str, set[str]]:
    """The replaced files that processes of services still run, by service."""
    found: dict[str, set[str]] = {}
    for place in PROC.glob("[0-9]*"):
        try:
            service = SERVICE.search((place / "cgroup").read_text(errors="replace"))
            # What else runs is others': their texts are not even read.
            files = REPLACED.findall(
                (place / "maps").read_text(errors="replace") if service else ""
            )
        except OSError:
            continue  # It ended meanwhile.
        if service and files:
            found.setdefault(service.group(1), set()).update(files)
    return found


def parts(units: Iterable[str]) -> list[Part]:
    """The parts that ``units`` belong to, in order; units of others are none of ours."""
    shared, instances = [], dict[str, list[str]]()
    for unit in sorted(units):
        if ours := OURS.fullmatch(unit):
            instances.setdefault(ours.group(1), []).append(unit)
        elif unit in SHARED:
            shared.append(Part(unit, (unit,)))
    # A canary is over before anybody could restart it.
    own = [Part(i, tuple(u), i) for i, u in instances.items() if not i.startswith("canary-")]
    return sorted([*shared, *own], key=lambda part: part.rank)


# ---- what answers


def told(*command: str) -> str:
    """Standard output of a command, whatever its exit status."""
    return subprocess.run(command, capture_output=True, text=True).stdout


def sockets(instance: str) -> list[str]:
    """The sockets of the milters and of the logins that a Postfix instance asks."""
    said = told("postconf", "-c", f"/etc/postfix-{instance}", "-hx", "smtpd_milters")
    logins = told("postconf", "-c", f"/etc/postfix-{instance}", "-hx", "smtpd_sasl_path").strip()
    return [*re.findall(r"unix:(/[^,\s}]+)", said), *([logins] if logins.startswith("/") else [])]


def listeners(services: str) -> Iterator[tuple[str, int, bool]]:
    """Address, port, and whether TLS comes first, of each listener in ``postconf -M``'s words."""
    for line in services.splitlines():
        fields = line.split(None, 7)
        if len(fields) > 7 and fields[1] == "inet":
            address, _, port = fields[0].rpartition(":")
            number = int(port) if port.isdigit() else socket.getservbyname(port, "tcp")
            # One without an address listens everywhere (master(5)).
            yield address.strip("[]") or "127.0.0.1", number, "wrappermode=yes" in fields[7]


def greet(address: str, port: int, wrapped: bool) -> None:
    """A session up to its TLS; OSError or SMTPException where there is none (RFC 5321 §3.1)."""
    context = any_certificate()
    if wrapped:
        session: smtplib.SMTP = smtplib.SMTP_SSL(
            address, port, "localhost", timeout=ANSWER, context=context
        )
    else:
        session = smtplib.SMTP(address, port, "localhost", timeout=ANSWER)
        session.ehlo()
        if session.has_extn("starttls"):
            session.starttls(context=context)
    session.quit()


def silent(instance: str) -> str:
    """What of an instance does not answer; empty where all of it does."""
    place = ""
    try:
        for place in sockets(instance):
            with socket.socket(socket.AF_UNIX) as asked:
                asked.settimeout(ANSWER)
                asked.connect(place)
        services = told("postconf", "-c", f"/etc/postfix-{instance}", "-M")
        for address, port, wrapped in listeners(services):
            place = f"{address} port {port}"
            greet(address, port, wrapped)
    except (OSError, smtplib.SMTPException) as error:
        return f"{place}: {error}"
    return ""


def resting(units: Iterable[str]) -> str:
    """The first of ``units`` that systemd does not hold for active; empty where it holds all."""
    for unit in units:
        state = told("systemctl", "is-active", unit).strip()
        if state != "active":
            return f"{unit} is {state}"
    return ""


def fault(part: Part) -> str:
    """Why a part is not up on what is installed; empty where it is."""
    if reason := resting(part.units):
        return reason
    for unit, files in outdated().items():
        if unit in part.units:
            return f"{unit} still runs an older {min(files)}"
    return silent(part.instance) if part.instance else ""


def others_fault(part: Part) -> str:
    """What else is down already, so that ``part`` had better stay as it is; empty if nothing."""
    for unit in SHARED:
        if unit != part.name and told("systemctl", "is-failed", unit).strip() == "failed":
            return f"{unit} has failed"
    for link in sorted(ENABLED.glob("postroad-postfix@*.service")):
        instance = link.name.removesuffix(".service").partition("@")[2]
        reason = "" if instance == part.instance else resting([link.name]) or silent(instance)
        if reason:
            return f"{instance} does not answer ({reason})"
    return ""


def awaited(reason: Callable[[], str]) -> str:
    """Empty as soon as ``reason`` is; what it says at last where that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while (said := reason()) and time.monotonic() < deadline:
        time.sleep(POLL)
    return said


# ---- what is done


@contextmanager
def alone() -> Iterator[None]:
    """No run of pyinfra changes the host meanwhile."""
    # After a boot this may be the first: whoever can open a lock can hold it (flock(2)).
    RUN_LOCK.parent.mkdir(mode=0o700, exist_ok=True)
    RUN_LOCK.parent.chmod(0o700)
    with os.fdopen(os.open(RUN_LOCK, os.O_RDWR | os.O_CREAT, 0o600)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def wait_for_packages() -> None:
    """Return once nobody changes packages. The lock is not kept: apt would give up at it."""
    while True:
        with PACKAGES_LOCK.open("a") as lock:
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                pass
            else:
                return
        time.sleep(POLL)


def refresh(part: Part, files: Iterable[str]) -> str:
    """Restart a part, and wait until it answers; why it was not done, or not enough."""
    with alone():
        if reason := awaited(lambda: others_fault(part)):
            return f"{part.name} was not restarted: {reason}"
        print(f"{part.name}: restarting {', '.join(part.units)} ({', '.join(sorted(files))})")
        done = subprocess.run(["systemctl", "restart", *part.units], capture_output=True, text=True)
        if reason := awaited(lambda: fault(part)):
            said = f"{reason}; {done.stderr.strip()}".rstrip("; ")
            return f"{part.name} does not come back: {said}"
    print(f"{part.name}: answers, on what is installed")
    return ""


def main(arguments: list[str]) -> int:
    """The exit status: 0 nothing is outdated, 1 a part did not come back, 2 a wrong call."""
    if arguments:
        print(USAGE, file=sys.stderr)
        return 2
    # The journal has each word when it is said.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return refresh_all()


def refresh_all() -> int:
    """Restart what is outdated, part by part; 1 where one does not come back."""
    wait_for_packages()
    while todo := parts(old := outdated()):
        for number, part in enumerate(todo):
            files = {file for unit in part.units for file in old[unit]}
            if reason := refresh(part, files):
                left = ", ".join(one.name for one in todo[number + 1 :])
                rest = f"; left on the older programs: {left}" if left else ""
                print(f"{reason}{rest}", file=sys.stderr)
                return 1
        wait_for_packages()
    return 0
