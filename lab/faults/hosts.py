"""A sending host without power, without room, or with a certificate that is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.reach import senders
from lab.life import control
from lab.life.session import Lab
from lab.world import certificates
from postroad.host.paths import ACME_LIVE

STREAMS = ("transactional", "marketing")
# Not postfix.service alone: what that hands on to its instances is not waited for.
RELOAD_ALL = "systemctl reload postfix.service 'postroad-postfix@*'"


@contextmanager
def powered_off(lab: Lab) -> Iterator[None]:
    """mail1 loses its power, and has it again afterwards."""
    guest = lab.targets["mail1"]
    guest.kill()
    try:
        yield
    finally:
        guest.start()


@contextmanager
def full(stream: str, what: str, lab: Lab) -> Iterator[None]:
    """The stream's queue on mail1 is on a file system with no more ``blocks`` or ``inodes``."""
    guest = lab.targets["mail1"]
    unit, queue = f"postroad-postfix@{stream}", f"/var/spool/postfix-{stream}"
    disk, kept = f"/run/{stream}-disk", f"/run/{stream}-kept"
    # More room than any stream wants to have free, so that the queue is open until it is full.
    guest.run(
        f"set -e; systemctl stop {unit}; mkdir {disk}"
        f"; mount -t tmpfs -o size=3g,nr_inodes=2000,mode=755 small {disk}"
        f"; cp -a {queue} {disk}/queue; mkdir {disk}/other {kept}; mount --bind {queue} {kept}"
        f"; mount --bind {disk}/queue {queue}; systemctl start {unit}"
    )
    use_up = {
        "blocks": f"dd if=/dev/zero of={disk}/other/fill bs=1M 2>/dev/null || :",
        "inodes": f"cd {disk}/other; n=0; while touch $n 2>/dev/null; do n=$((n+1)); done",
    }
    try:
        guest.run(use_up[what])
        yield
    finally:
        # Mail that is in the small queue goes back with it.
        guest.run(
            f"rm -rf {disk}/other; systemctl stop {unit}; umount {queue}"
            f"; rsync -a --delete {disk}/queue/ {queue}/ 2>/dev/null"
            f" || {{ rm -rf {queue}/*; cp -a {disk}/queue/. {queue}/; }}"
            f"; umount {kept} {disk}; rmdir {kept} {disk}; systemctl start {unit}"
        )


def end_certificates(lab: Lab) -> None:
    """The certificate that each host shows is over since yesterday; nobody renewed it."""
    authority = control.surroundings(lab.state).authority
    for guest in senders(lab):
        over = certificates.ended(authority, guest.read_file(f"{ACME_LIVE}/cert.pem"))
        for name in ("cert.pem", "fullchain.pem"):
            guest.run(f"cat > {ACME_LIVE}/{name}", input=over)
        guest.run(RELOAD_ALL)


@contextmanager
def expired_certificate(lab: Lab) -> Iterator[None]:
    """The hosts' certificates are over, until certbot's timer comes round."""
    end_certificates(lab)
    try:
        yield
    finally:
        for guest in senders(lab):
            guest.run("certbot renew --quiet --no-random-sleep-on-renew")
