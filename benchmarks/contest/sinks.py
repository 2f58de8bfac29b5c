"""Two receivers that take everything: one that only counts, one that keeps what it takes."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.contest.door import program
from lab.hosts.errors import LabError
from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from lab.world.zone_text import Record

_COUNT, _KEPT = "/run/sink-count", "/run/sink-kept"
_PATIENCE = 60
# smtp-sink(1) writes these before the message; the last one is its Received:.
_ADDED = re.compile(rb"\A(?:X-[\w-]+:.*\n)+(?:Received:.*\n(?:[ \t].*\n)*)?")


@dataclass(frozen=True)
class Sink:
    """A receiver while it runs: its domain, and the host that the domain's MX record names."""

    domain: str
    guest: Guest

    def taken(self) -> int:
        """How many messages it has taken."""
        found = re.findall(r"mesg=\s*(\d+)", self.guest.read_file(_COUNT))
        return int(found[-1]) if found else 0

    def wait_for(self, count: int) -> float:
        """Wait until it has taken *count* messages in all; when it was, in seconds since the epoch.

        LabError where no message comes for a minute.
        """
        command = ["python3", "-c", program("await_count.py"), _COUNT, str(count), str(_PATIENCE)]
        done = self.guest.run(command, check=False, timeout=900)
        if done.returncode != 0:
            raise LabError(f"{self.domain} waited in vain: {done.stderr.strip()[-200:]}")
        return float(done.stdout)

    def kept(self) -> list[bytes]:
        """The messages that it has kept; then it has none."""
        said = self.guest.run(
            f'for f in {_KEPT}/*; do base64 -w0 "$f" && echo; done; rm -f {_KEPT}/*'
        )
        return [without_envelope(b64decode(line)) for line in said.stdout.split()]


@contextmanager
def running(lab: Lab) -> Iterator[tuple[Sink, Sink]]:
    """The counting and the keeping one, for as long as the block lasts."""
    counting = Sink("counted.example", lab.hosts["outsider"])
    keeping = Sink("kept.example", lab.hosts["app"])
    # Names of their own, without IPv6: smtp-sink listens on one address.
    receivers = {one.domain: one.guest for one in (counting, keeping)}
    lab.dns.load_zones({f"{domain}.": zone(domain, guest) for domain, guest in receivers.items()})
    keeping.guest.run(f"rm -rf {_KEPT} && install -d -o nobody {_KEPT}")
    try:
        _start(counting, "")
        _start(keeping, f"-d {_KEPT}/")
        yield counting, keeping
    finally:
        for sink in (counting, keeping):
            sink.guest.run(["systemctl", "stop", "sink"], check=False)
            sink.guest.run(["rm", "-rf", _COUNT, _KEPT])


def zone(domain: str, receiver: Guest) -> list[Record]:
    """The zone of a domain whose mail *receiver* takes, on one address."""
    return [
        (f"{domain}.", 3600, "MX", f"10 mx.{domain}."),
        (f"mx.{domain}.", 3600, "A", receiver.ipv4[0]),
    ]


def _start(sink: Sink, options: str) -> None:
    guest = sink.guest
    command = f"smtp-sink -u nobody -c -m 2000 {options} {guest.ipv4[0]}:25 1000 > {_COUNT}"
    guest.run(["systemd-run", "--quiet", "--collect", "--unit=sink", "sh", "-c", f"exec {command}"])
    wait_until(lambda: guest.listens(25), 10, f"{guest.name}: sink")


def without_envelope(raw: bytes) -> bytes:
    """A message as it was received, without the lines that smtp-sink put before it."""
    return _ADDED.sub(b"", raw, count=1)
