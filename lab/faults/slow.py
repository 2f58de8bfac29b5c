"""A mailbox provider that answers slowly, so that a queue stands before it as long as wanted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab import onhost
from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab

DOMAIN = "slow.example"
_UNIT = "slow-provider"
_GO, _COUNTER, _PROGRAM = "/run/slow-go", "/run/slow-counter", "/run/slow.py"


@dataclass(frozen=True)
class SlowProvider:
    """The provider while it runs. Every message of its domain waits at its end."""

    guest: Guest

    def let_go(self) -> None:
        """Answer at once from now on, and everything that waits."""
        self.guest.run(["touch", _GO])

    def taken(self) -> int:
        """How many messages it has accepted."""
        return int(self.guest.run(f"cat {_COUNTER} 2>/dev/null || echo 0").stdout)


@contextmanager
def running(lab: Lab) -> Iterator[SlowProvider]:
    """The slow provider, for as long as the block lasts, on the stranger's host."""
    guest = lab.hosts["outsider"]
    lab.dns.load_zone(f"{DOMAIN}.", [(f"{DOMAIN}.", 60, "MX", "10 outsider.lab.example.")])
    guest.write_file(_PROGRAM, onhost.program("slow.py"))
    guest.run(
        f"rm -f {_GO} {_COUNTER}; systemd-run --quiet --collect --unit={_UNIT}"
        f" python3 {_PROGRAM} {_GO} {_COUNTER}"
    )
    try:
        wait_until(lambda: guest.listens(25), 10, "slow: start")
        yield SlowProvider(guest)
    finally:
        guest.run(["systemctl", "stop", _UNIT], check=False)
        guest.run(["rm", "-f", _GO, _COUNTER, _PROGRAM])
