"""Daemons of each sending host that are killed, stand still, are slow or are down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.reach import senders
from lab.life.session import Lab

# The programs of a sending host whose end a message may meet: Postfix's own, the signer, the milter
# behind it, the one that knows the logins, the resolver, and the one that writes the logs.
DAEMONS = (
    "master",
    "qmgr",
    "cleanup",
    "smtpd",
    "smtp",
    "trivial-rewrite",
    "tlsmgr",
    "opendkim",
    "milter",
    "dovecot",
    "auth",
    "unbound",
    "postlogd",
)


@contextmanager
def killed(program: str, lab: Lab) -> Iterator[None]:
    """kill -9 of every process of a program, on each host."""
    for guest in senders(lab):
        guest.run(["pkill", "-9", "-x", program], check=False)
    yield


@contextmanager
def frozen(program: str, lab: Lab) -> Iterator[None]:
    """The program's processes do nothing at all, on each host."""
    try:
        for guest in senders(lab):
            guest.run(["pkill", "-STOP", "-x", program])
        yield
    finally:
        for guest in senders(lab):
            guest.run(["pkill", "-CONT", "-x", program], check=False)


@contextmanager
def slow(program: str, lab: Lab) -> Iterator[None]:
    """The program's processes work for a tenth of a second out of every two, on each host."""
    unit = f"lab-slow-{program}"
    start = ("systemd-run", "--quiet", "--collect", f"--unit={unit}")
    turn = f"pkill -STOP -x {program}; sleep 1.9; pkill -CONT -x {program}; sleep 0.1"
    endless = f"while :; do {turn}; done"
    try:
        for guest in senders(lab):
            guest.run([*start, "sh", "-c", endless])
        yield
    finally:
        for guest in senders(lab):
            guest.run(["systemctl", "stop", unit], check=False)
            guest.run(["pkill", "-CONT", "-x", program], check=False)


@contextmanager
def stopped(unit: str, lab: Lab) -> Iterator[None]:
    """A unit is down on each host."""
    try:
        for guest in senders(lab):
            guest.run(["systemctl", "stop", unit])
        yield
    finally:
        for guest in senders(lab):
            guest.run(["systemctl", "start", unit])
