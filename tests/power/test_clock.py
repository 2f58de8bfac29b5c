"""The clock jumps while mail flows: nothing is lost or sent twice, and who must know is told."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from lab.faults.hosts import STREAMS
from lab.faults.table import FAULTS
from lab.hosts.guest import wait_until
from lab.hosts.qemu import Machine
from lab.life.session import Lab
from lab.mail import road
from lab.mail.traffic import flowing
from tests.lab import tally
from tests.lab.test_audit import Audit, audit  # noqa: F401 - fixture
from tests.long.conftest import Record
from tests.power.test_power import CLIENTS, PATIENCE

DAY, HOUR = 86400, 3600
RIGHT, LATER = "clock.the_clock_is_right", "queues.no_mail_waits_for_another_time"


def jump(machine: Machine, seconds: float) -> None:
    """Set the host's clock, which nothing keeps, forward or back."""
    machine.run(["date", "-s", f"{seconds:+.0f} seconds"])


def ahead(machine: Machine) -> float:
    """How many seconds the host's clock is ahead of this machine's."""
    return float(machine.run("date +%s").stdout) - time.time()


def named(audit: Audit, check: str) -> str:  # noqa: F811
    """What the audit says is wrong in one check. An emulated host may be too slow to answer it."""
    for _ in range(4):
        heard = audit("-k", check.partition(".")[0])
        if check in heard.of("wrong"):
            return heard.of("wrong")[check]
    pytest.fail(f"{check} is not among what is wrong:\n{heard.output}")


@pytest.fixture(autouse=True)
def right_afterwards(deployed: Lab, machine: Machine) -> Iterator[None]:
    yield
    jump(machine, -ahead(machine))
    tally.all_green(deployed)


def test_a_clock_that_was_days_ahead_is_set_right(
    deployed: Lab,
    machine: Machine,
    audit: Audit,  # noqa: F811
    record: Record,
) -> None:
    with flowing(deployed, clients=CLIENTS, timeout=PATIENCE / 5) as flow:
        with FAULTS["receivers answer 4xx"](deployed):
            flow.wait_for(2, "accepted", timeout=PATIENCE)
            jump(machine, 3 * DAY)
            flow.wait_for(2, "accepted", timeout=PATIENCE)
            flow.stop()
            assert "s ahead of this machine's" in named(audit, RIGHT)
            refused = road.deploy()
            assert refused.returncode != 0
            assert "s ahead of this machine's: set it" in refused.stdout + refused.stderr
            jump(machine, -3 * DAY)
        # What was deferred waits for a time to come, also with receivers that would take it now.
        said = named(audit, LATER)
        for stream in STREAMS:
            assert f"the {stream} queue holds mail that is left alone for 4" in said
        assert flow.waiting()
        mend(machine, said)
        wait_until(lambda: not flow.waiting(), PATIENCE, "the end of the deferred mail")
        with flowing(deployed, clients=CLIENTS, timeout=PATIENCE / 5) as later:
            later.wait_for(2, "accepted", timeout=PATIENCE)
            found, fresh = flow.tally(timeout=PATIENCE), later.tally(timeout=PATIENCE)
        heard = audit("-k", "queues")
        assert LATER not in heard.of("wrong"), heard.output
    record("clock three days ahead", 1, found)
    record("clock set right", 1, fresh)
    # By a clock three days ahead all that waited was too old, and what was signed has a time to
    # come, which receivers refuse: it may come back to its sender, but it does not vanish.
    assert found.is_clean, found
    assert fresh.is_clean, fresh
    assert not fresh.returned, fresh


def mend(machine: Machine, said: str) -> None:
    """Run what the audit says."""
    commands = [line.partition("mend: ")[2] for line in said.splitlines() if "mend: " in line]
    assert commands
    for command in dict.fromkeys(commands):
        machine.run(command)


def test_a_clock_that_was_hours_behind_is_set_right(
    deployed: Lab,
    machine: Machine,
    audit: Audit,  # noqa: F811
    record: Record,
) -> None:
    with flowing(deployed, clients=CLIENTS, timeout=PATIENCE / 5) as flow:
        flow.wait_for(2, "accepted", timeout=PATIENCE)
        jump(machine, -3 * HOUR)
        flow.wait_for(2, "accepted", timeout=PATIENCE)
        flow.stop()
        wait_until(lambda: not flow.waiting(), PATIENCE, "the queues' end")
        assert "s behind this machine's" in named(audit, RIGHT)
        # As long as master is older than the jump, its timers are of the time before.
        assert "set back by 180 minutes while the marketing instance ran" in named(audit, LATER)
        jump(machine, 3 * HOUR)
        found = flow.tally(timeout=PATIENCE)
    record("clock three hours behind", 1, found)
    assert found.is_clean, found
    assert not found.returned, found
