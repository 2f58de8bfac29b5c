"""An estate of an earlier postroad, brought to this one: what a run does is what was named.

In a lab of its own, whose hosts are deployed by the product of that commit as its operator did it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import lab as lab_package
from lab.hosts import here
from lab.hosts.guest import Guest
from lab.life import control
from lab.life.product import run_as
from lab.life.session import Lab
from lab.mail import road
from postroad.host.drift import LEFT
from postroad.mail.parts.earlier import PATHS
from tests.lab import mail, plans
from tests.lab.conftest import TARGETS
from tests.lab.test_taken_away import STAYS, UNITS

# The last one whose programs lay each in a place of its own (`postroad.mail.parts.earlier`).
COMMIT = "add5f09160bcd6101104964e96bfec5e7b9049a1"
OPENED = """
import lab
from lab import road

running = lab.load()


def deployed():
    done = road.deploy()
    assert done.returncode == 0, done.stdout + done.stderr


road.publish(running)
deployed()
road.publish(running)
road.serve_policies(running)
deployed()
assert road.plan() == []
"""
HOSTS = ("mail1", "mail2")
# What of it lay there at that commit.
THERE = [p for p in PATHS if "postroad-old" not in p and "logrotate-inbound" not in p]
WANTED = {
    "Base | Tools of postroad",
    "Base | Unit templates",
    "Postfix | Inbound",
    "Postfix | Stream transactional",
    "Postfix | Stream marketing",
    # Its files are the same; how the kernel is brought to take them anew is another way.
    "Firewall | Early rules",
    "Firewall | What an earlier postroad left",
}


@pytest.fixture(scope="module")
def earlier() -> Iterator[Lab]:
    """Both hosts as that commit has left them, streams open."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(here.NAME_VARIABLE, "earlier")
        control.up([control.parse_target(text) for text in TARGETS], print)
        run_as(COMMIT, OPENED)
        yield lab_package.load()
        control.down()


def titles(names: list[str]) -> set[str]:
    return {name.partition(": ")[0] for name in names}


def mains(guest: Guest) -> dict[str, str]:
    """The first process of each unit that runs, by unit."""
    listed = guest.run(f"{UNITS} | cut -d' ' -f1").stdout.split()
    shown = (guest.run(f"systemctl show -P MainPID {unit}").stdout.strip() for unit in listed)
    return dict(zip(listed, shown, strict=True))


def test_a_host_of_an_earlier_version_becomes_one_of_this_and_leaves(earlier: Lab) -> None:
    for host in HOSTS:
        guest = earlier.targets[host]
        found = guest.run(f"ls -d {' '.join(PATHS)} 2>/dev/null || :").stdout.split()
        assert sorted(found) == sorted(THERE), host
    mail.flows(earlier)

    # Named before: these operations on both hosts, and no other.
    plan = road.plan()
    assert titles([entry["name"] for entry in plan]) == WANTED
    assert all(set(entry["hosts_with_change"]) == {*HOSTS} for entry in plan)
    named = {how for _, how in plans.named(plan)}
    assert f"{PATHS[0]} ({LEFT})" in named
    # That streams run from older programs stands behind the files that changed ("and 2 more").
    assert not [how for how in named if how.endswith("missing)") and "/usr/local/lib" not in how]

    # Done as named; what ran from the old programs runs from the new ones.
    before = {host: mains(earlier.targets[host]) for host in HOSTS}
    changed = plans.changed(road.deploy("--json"))
    assert titles(list(changed)) == WANTED
    for host in HOSTS:
        guest = earlier.targets[host]
        assert guest.run(f"ls -d {' '.join(PATHS)} 2>/dev/null || :").stdout == ""
        after = mains(guest)
        assert after.keys() == before[host].keys()
        same = {unit for unit, pid in after.items() if before[host][unit] == pid}
        assert not [unit for unit in same if "-milter@" in unit or "-budget" in unit]
        commands = guest.run("ps -eo args").stdout
        assert "/usr/local/lib/postroad milter" in commands
        assert "/usr/local/lib/postroad/milter" not in commands
    mail.flows(earlier)
    assert road.plan() == []
    audited = road.postroad("audit", str(road.INVENTORY))
    assert audited.returncode == 0, audited.stdout + audited.stderr

    # And gone, with nothing of either version behind.
    said = ""
    for _ in range(2):
        done = road.leave("--data", "leave=all")
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        if "has left the estate" in said:
            break
    for host in HOSTS:
        guest = earlier.targets[host]
        left = set(guest.run("find / -xdev -name '*postroad*' -prune").stdout.split())
        assert left == STAYS, (host, said)
        assert guest.run(UNITS).stdout == ""
