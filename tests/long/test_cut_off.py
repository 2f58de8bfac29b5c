"""Runs that are cut off at moments of chance while mail flows, and two runs at once."""

from __future__ import annotations

import random
import time

from lab.hosts.guest import wait_until
from lab.life.session import Lab
from lab.mail import road, traffic
from tests.lab import runs
from tests.long.conftest import Record

ROUNDS, CUTS = 10, 5
# What a run has to do, on each host: a map, a main.cf, a signer, a unit, a lost file.
DRIFT = """
echo '# x' >> /etc/postfix-marketing/sender_access
echo '# x' >> /etc/postfix-transactional/main.cf
echo '# x' >> /etc/postroad/marketing/opendkim.conf
echo '# x' >> /etc/systemd/system/postroad-postfix@.service
rm -f /etc/postfix-transactional/header_checks
"""


def _cut(lab: Lab, chance: random.Random, whole: float) -> None:
    """A run dies: the operator's end always, the hosts' every other time."""
    run = runs.start_a_run()
    moment = chance.uniform(0.3, whole)
    takes_hosts_along = chance.random() < 0.5
    try:
        time.sleep(moment)  # the moment itself is what is tried here
        families = {guest: runs.remote(guest) for guest in lab.targets.values()}
        run.kill()
        run.wait()
        if takes_hosts_along:
            for guest, family in families.items():
                if family:
                    guest.run(["kill", "-9", *family], check=False)
    finally:
        run.kill()


def test_cut_off_at_fifty_moments(deployed: Lab, record: Record) -> None:
    seed = 20261124
    chance = random.Random(seed)
    for guest in deployed.targets.values():
        guest.run(DRIFT)
    begun = time.monotonic()
    assert road.deploy().returncode == 0
    whole = time.monotonic() - begun
    with traffic.flowing(deployed) as flow:
        for _ in range(ROUNDS):
            for guest in deployed.targets.values():
                guest.run(DRIFT)
            for _ in range(CUTS):
                _cut(deployed, chance, whole)
            for guest in deployed.targets.values():
                wait_until(lambda guest=guest: not runs.remote(guest), 120, "the cut run's end")  # type: ignore[misc]
            runs.completed_by_the_next_run(deployed)
        found = flow.tally()
    record("run cut off", ROUNDS * CUTS, found)
    assert found.is_clean, found


def test_two_runs_at_once(deployed: Lab, record: Record) -> None:
    times = 3
    with traffic.flowing(deployed) as flow:
        for _ in range(times):
            for guest in deployed.targets.values():
                guest.run(DRIFT)
            both = [runs.start_a_run() for _ in range(2)]
            for run in both:
                run.wait(timeout=300)
            runs.completed_by_the_next_run(deployed)
        found = flow.tally()
    record("two runs at once", times, found)
    assert found.is_clean, found
