"""Names that somebody lies about, and cables that are out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.reach import senders, take_rules
from lab.hosts.shell import run
from lab.life.session import Lab
from lab.world.fill import fill


@contextmanager
def lying_names(lab: Lab) -> Iterator[None]:
    """Somebody answers for the name servers that no name exists; nothing of it is signed."""
    server = lab.dns.guest
    server.write_file("/run/liar.conf", fill("liar.conf", address=server.ipv4[0]))
    try:
        server.run("systemd-run --quiet --collect --unit=lab-liar unbound -d -c /run/liar.conf")
        take_rules(server, fill("liar.nft", ipv4=server.ipv4[0], ipv6=server.ipv6[0]))
        # What a resolver already knows, it does not ask.
        for guest in senders(lab):
            guest.run("systemctl restart unbound")
        yield
    finally:
        take_rules(server, "delete table inet lab")
        server.run("systemctl stop lab-liar", check=False)
        for guest in senders(lab):
            guest.run("systemctl restart unbound")


@contextmanager
def unplugged(lab: Lab) -> Iterator[None]:
    """mail1's network cable is out."""
    guest = lab.targets["mail1"]
    try:
        run(["ip", "link", "set", guest.cable, "down"])
        yield
    finally:
        run(["ip", "link", "set", guest.cable, "up"])
