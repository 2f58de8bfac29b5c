"""The lab's hosts seen over a slow link, for pyinfra's command line and for others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.paths import BUILD
from benchmarks.relay import LOOPBACK, Address, relays
from lab.life.session import Lab

Data = Mapping[str, object]
Group = tuple[Sequence[tuple[str, Data]], Data]

SSH = 22

_PORTS = BUILD / "relays.json"
_KNOWN_HOSTS = BUILD / "known_hosts"


@dataclass(frozen=True)
class Ways:
    """How hosts are reached by SSH: an address and a port by name, and a file with their keys."""

    places: Mapping[str, Address]
    known_hosts: Path


def direct(lab: Lab) -> Ways:
    """Every bare host of the lab, as it is on the network."""
    places = {name: (guest.ipv4[0], SSH) for name, guest in lab.targets.items()}
    return Ways(places, lab.known_hosts)


@contextmanager
def slow_link(lab: Lab, round_trip: float) -> Iterator[Ways]:
    """Relays in front of every host's sshd, ``round_trip`` seconds there and back.

    benchmarks/inventories/lab.py leads through them while the block lasts.
    """
    keys = dict(_host_keys(lab))
    with relays(direct(lab).places, round_trip) as ports:
        BUILD.mkdir(parents=True, exist_ok=True)
        _PORTS.write_text(json.dumps(ports), encoding="utf-8")
        lines = (f"[{LOOPBACK}]:{port} {keys[name]}\n" for name, port in ports.items())
        _KNOWN_HOSTS.write_text("".join(lines), encoding="utf-8")
        try:
            places = {name: (LOOPBACK, port) for name, port in ports.items()}
            yield Ways(places, _KNOWN_HOSTS)
        finally:
            _PORTS.unlink()
            _KNOWN_HOSTS.unlink()


def behind_relays(group: Group) -> tuple[list[tuple[str, Data]], Data]:
    """A group of an inventory with the same hosts, reached through the relays."""
    ports = json.loads(_PORTS.read_text(encoding="utf-8"))
    hosts, options = group
    return (
        [(name, {"ssh_hostname": LOOPBACK, "ssh_port": ports[name]}) for name, _ in hosts],
        {**options, "ssh_known_hosts_file": str(_KNOWN_HOSTS)},
    )


def _host_keys(lab: Lab) -> Iterator[tuple[str, str]]:
    """Every name of every host, and its key (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
    for line in lab.known_hosts.read_text(encoding="utf-8").splitlines():
        names, _, key = line.partition(" ")
        for name in names.split(","):
            yield name, key
