"""First and no-op runs: ours, beside apt alone and beside Ansible on the very same hosts.

A first run is the first `pyinfra` command against a bare host whose addresses are in the DNS: it
ends with a certificate, keys and closed streams, which the second run opens once the records are
published. Ansible's first run brings the state after the second.

That both bring the same is looked at: after our runs the playbook changes nothing, and where it is
run on a bare host, which a quick run leaves out, `postroad diff` names afterwards but our own
notes: the latch of each stream, which names the keys that this host has made,
and the stamp of each component. A difference ends the suite with its name.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import estate, floor, playbook
from benchmarks.estate import ONE, counted, names
from benchmarks.figures import Effort, Figure
from benchmarks.progress import tell
from benchmarks.slow import Ways, direct, slow_link
from lab.life.session import Lab
from lab.mail import road
from postroad.host.paths import OPENED

# Seconds, there and back. The goals are on the long one.
NEAR, FAR = 0.0, 0.05

APT = "apt-get install"
ANSIBLE = "Ansible"
PYINFRA = "pyinfra, one command"

# Goals: seconds of a host, ours over apt's, ours over Ansible's, many hosts over one.
A_HOST = 2.0
OVER_APT = 1.3
OVER_ANSIBLE = 0.1
OVER_ONE = 3.0


def measure(effort: Effort) -> Iterator[Figure]:
    """First runs of one host; then runs that change nothing, of one host and of many."""
    playbook.install()
    yield from _first_runs(estate.anew(ONE), effort)
    most = max(effort.hosts)
    if most > ONE:
        yield _first_run_of(most)
    running = estate.up(most)
    estate.converge(running, most)
    playbook.export(road.INVENTORY)
    yield from _near(running, effort)
    yield from _far(running, effort)


@dataclass
class _FirstRuns:
    """Seconds of each."""

    ours: list[float] = field(default_factory=list)
    apt: list[float] = field(default_factory=list)
    ansible: list[float] = field(default_factory=list)


def _first_runs(running: Lab, effort: Effort) -> Iterator[Figure]:
    host = running.targets[estate.name(ONE)]
    taken = _FirstRuns()
    estate.bare(host)
    road.publish(running)
    floor.fetch(host, running.apt_proxy)
    for number in range(effort.first_runs):
        tell(f"first runs: {number + 1} of {effort.first_runs}")
        estate.bare(host)
        taken.apt.append(floor.install(host, running.apt_proxy))
        estate.bare(host)
        taken.ours.append(estate.deploy(ONE))
        if number < effort.ansible_others:
            taken.ansible.append(_first_run_of_ansible(running))
    figure, ours = "first run, 1 host", tuple(taken.ours)
    yield Figure(figure, "s", ours, APT, tuple(taken.apt), OVER_APT, "lower")
    if taken.ansible:
        yield Figure(figure, "s", ours, ANSIBLE, tuple(taken.ansible), None, "lower")


def _first_run_of_ansible(running: Lab) -> float:
    """Its seconds, on a host that ours has just been run on. RuntimeError where states differ."""
    ways = direct(running)
    estate.converge(running, ONE)
    playbook.export(road.INVENTORY)
    _play(running, ways)
    estate.bare(running.targets[estate.name(ONE)])
    began = time.monotonic()
    playbook.play(running, ways, names(ONE))
    seconds = time.monotonic() - began
    road.publish(running)
    refuse_what_differs(running)
    return seconds


def _first_run_of(hosts: int) -> Figure:
    """Told for its own sake: one sample, of the run that makes the estate of the rest."""
    running = estate.anew(hosts)
    tell(f"first run of {hosts} hosts")
    road.publish(running)
    figure = f"first run, {hosts} hosts (one bare, the others with packages)"
    return Figure(figure, "s", (estate.deploy(hosts),), "", None, None, "lower")


def _near(running: Lab, effort: Effort) -> Iterator[Figure]:
    with slow_link(running, NEAR) as ways:
        cases = [Case(ours(hosts), _ours(hosts), effort.runs) for hosts in effort.hosts]
        cases.append(Case(ANSIBLE, lambda: _play(running, ways), effort.ansible_others))
        taken = in_turns(cases)
    yield _figure(taken, ONE, NEAR, ANSIBLE if taken[ANSIBLE] else "", None)
    for hosts in effort.hosts:
        if hosts > ONE:
            yield _figure(taken, hosts, NEAR, "", None)


def _far(running: Lab, effort: Effort) -> Iterator[Figure]:
    with slow_link(running, FAR) as ways:
        cases = [Case(ours(hosts), _ours(hosts), effort.runs) for hosts in effort.hosts]
        cases.append(Case(PYINFRA, lambda: estate.one_command(ONE), effort.runs))
        cases.append(Case(ANSIBLE, lambda: _play(running, ways), effort.ansible_runs))
        taken = in_turns(cases)
    yield _figure(taken, ONE, FAR, "", A_HOST)
    yield _figure(taken, ONE, FAR, PYINFRA, None)
    yield _figure(taken, ONE, FAR, ANSIBLE, OVER_ANSIBLE)
    for hosts in effort.hosts:
        if hosts > ONE:
            goal = OVER_ONE if hosts == max(effort.hosts) else None
            yield _figure(taken, hosts, FAR, ours(ONE), goal)


@dataclass(frozen=True)
class Case:
    """Something that is measured ``times`` times; ``run`` returns what it took."""

    name: str
    run: Callable[[], float]
    times: int


Taken = Mapping[str, tuple[float, ...]]


def in_turns(cases: Sequence[Case]) -> Taken:
    """Each of ``cases`` once in every round, while its times last: what it took, by its name."""
    taken: dict[str, list[float]] = {case.name: [] for case in cases}
    rounds = max(case.times for case in cases)
    for number in range(rounds):
        tell(f"runs that change nothing: {number + 1} of {rounds}")
        for case in cases:
            if number < case.times:
                taken[case.name].append(case.run())
    return {name: tuple(seconds) for name, seconds in taken.items()}


def ours(hosts: int) -> str:
    """What our run of so many hosts is called."""
    return f"postroad, {counted(hosts)}"


def _ours(hosts: int) -> Callable[[], float]:
    return lambda: estate.no_op(hosts)


def _play(running: Lab, ways: Ways) -> float:
    """The seconds of a playbook for one host that changes nothing. RuntimeError where it does."""
    began = time.monotonic()
    played = playbook.play(running, ways, names(ONE))
    seconds = time.monotonic() - began
    if played.changes:
        raise RuntimeError(f"Ansible finds another state than ours: {'; '.join(played.changes)}")
    return seconds


def _figure(
    taken: Taken, hosts: int, round_trip: float, against: str, goal: float | None
) -> Figure:
    name = f"no-op run, {counted(hosts)}, {round_trip * 1000:.0f} ms"
    return Figure(name, "s", taken[ours(hosts)], against, taken.get(against), goal, "lower")


def differences(diff: str) -> Iterator[str]:
    """What `postroad diff --json` names besides the notes that a run of ours leaves."""
    for host, parts in json.loads(diff).items():
        for part in parts:
            for change in part["changes"]:
                thing = str(change["thing"])
                if thing != part["title"] and not thing.startswith(f"{OPENED}/"):
                    yield f"{host}: {part['title']}: {thing} {change['how']}"


def refuse_what_differs(running: Lab) -> None:
    """RuntimeError naming what Ansible left other than a run of ours would."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "diff.json"
        done = road.postroad("diff", str(road.INVENTORY), "--json", str(place))
        if not place.exists():
            raise RuntimeError(f"postroad diff failed:\n{done.stdout}\n{done.stderr}")
        found = list(differences(place.read_text(encoding="utf-8")))
    if found:
        raise RuntimeError(f"Ansible brings another state: {'; '.join(found)}")
