"""The lab's estate of 1, 10 or 30 hosts: brought up, made bare again, converged.

One host is bare at first. The others, where there are any, are born with the packages of a sending
host (`lab.images.recipes.FURNISHED`): thirty times the same packages would take longer than all
the rest.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import lab
from benchmarks import converged
from benchmarks.paths import HERE
from benchmarks.progress import tell
from lab.hosts.guest import Guest
from lab.images import recipes
from lab.life import control
from lab.life.control import Target
from lab.life.session import Lab
from lab.mail import road

INVENTORY = HERE / "inventories" / "lab.py"
# The first host alone, whichever others are up.
INVENTORY_OF_ONE = HERE / "inventories" / "one.py"
ONE, MOST = 1, 30

# How an operation can end on a host.
HOW = ("success", "no_change", "error")

_FIRST_OCTET = 100
_ADDRESSES = 3


def name(number: int) -> str:
    """The name of a host, counted from 1."""
    return f"mail{number}"


def names(hosts: int) -> tuple[str, ...]:
    """The names of that many hosts."""
    return tuple(map(name, range(1, hosts + 1)))


def counted(hosts: int) -> str:
    """So many hosts, in words."""
    return f"{hosts} host" if hosts == ONE else f"{hosts} hosts"


def limit(hosts: int) -> tuple[str, ...]:
    """The options of pyinfra that mean the first so many hosts: one for each of them."""
    return tuple(word for name in names(hosts) for word in ("--limit", name))


def targets(hosts: int) -> tuple[Target, ...]:
    """That many hosts, each with an address of its own and one for each stream."""
    if not 1 <= hosts <= MOST:
        raise ValueError(f"{hosts} hosts: there is room for 1 to {MOST} in the lab's range")
    return tuple(map(_target, range(1, hosts + 1)))


def _target(number: int) -> Target:
    begin = _FIRST_OCTET + (number - 1) * _ADDRESSES
    suffixes = tuple(range(begin, begin + _ADDRESSES))
    return Target(name(number), "bookworm" if number == 1 else recipes.FURNISHED, suffixes)


def up(hosts: int) -> Lab:
    """The lab with at least that many hosts; those that are there are kept as they are."""
    control.up(targets(hosts), tell)
    return lab.load()


def anew(hosts: int) -> Lab:
    """A lab of its own with that many hosts and no others, whatever was there before."""
    control.down()
    return up(hosts)


def is_the_first(host: str) -> bool:
    """Whether *host* is the one that `INVENTORY_OF_ONE` has."""
    return host == name(ONE)


def bare(host: Guest) -> None:
    """Make a host what it was at its birth; returns when it has booted."""
    host.reset()
    host.wait_for_boot()


def converge(running: Lab, hosts: int) -> None:
    """Deploy until the streams are open and a dry run names nothing, or RuntimeError."""
    guests = [running.targets[name] for name in names(hosts)]
    converged.bring(running, guests, road.INVENTORY, *limit(hosts))


def converge_alone(running: Lab) -> None:
    """The same of the first host, as the estate of `INVENTORY_OF_ONE`."""
    converged.bring(running, [running.targets[name(ONE)]], INVENTORY_OF_ONE)


def deploy(hosts: int) -> float:
    """`pyinfra … deploys/mailserver.py` for the first so many hosts: how many seconds it took."""
    seconds, said = _timed((*limit(hosts), str(road.INVENTORY), str(road.DEPLOY)))
    refuse_absence(said, hosts)
    return seconds


def no_op(hosts: int) -> float:
    """The same behind the relays, where it changes nothing. RuntimeError where it does."""
    seconds, said = _timed((*limit(hosts), str(INVENTORY), str(road.DEPLOY)))
    refuse_absence(said, hosts)
    refuse_changes(said)
    return seconds


def one_command(hosts: int) -> float:
    """The seconds of the least that pyinfra can do behind the relays: one command."""
    seconds, said = _timed((*limit(hosts), str(INVENTORY), "exec", "--", "true"))
    refuse_absence(said, hosts)
    return seconds


Said = Mapping[str, Any]


def refuse_absence(said: Said, hosts: int) -> None:
    """RuntimeError where a run of pyinfra (its --json) was not about so many hosts."""
    operations = said["results"]["operations"]
    there = {name for one in operations for how in HOW for name in one[how]}
    if missing := sorted({*names(hosts)} ^ there):
        raise RuntimeError(f"the run was not about {counted(hosts)}: see {', '.join(missing)}")


def refuse_changes(said: Said) -> None:
    """RuntimeError where a run of pyinfra (its --json) changed anything, naming it."""
    if changed := [str(e["name"]) for e in said["results"]["operations"] if e["success"]]:
        raise RuntimeError(f"not a no-op, it changed: {'; '.join(changed)}")


def _timed(arguments: Sequence[str]) -> tuple[float, Said]:
    """The seconds of a run of pyinfra, and what it says. RuntimeError where it failed."""
    began = time.monotonic()
    done = road.pyinfra("-y", "--json", *arguments)
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise RuntimeError(f"pyinfra {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
    return seconds, json.loads(done.stdout)
