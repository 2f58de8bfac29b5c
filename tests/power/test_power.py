"""Power fails while mail is being taken: every message that got its 250 is there after the boot.

QEMU is killed, and the guest's page cache dies with it: see `lab.hosts.qemu`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from lab.faults.table import FAULTS
from lab.hosts.guest import Guest, wait_until
from lab.hosts.qemu import Machine
from lab.life.session import Lab
from lab.mail.tally import Tally
from lab.mail.traffic import Flow, flowing
from tests.lab import tally
from tests.long.conftest import Record

ROUNDS, ROUNDS_OF_DELIVERY = 5, 3
CLIENTS = 2  # at each door
PATIENCE = 300.0  # seconds; an emulated processor takes a second or two for a login
PRELOAD = "/etc/ld.so.preload"
UNITS = "postroad-postfix@transactional.service postroad-postfix@marketing.service"


def power_fails(machine: Machine, flow: Flow, chance: random.Random) -> set[str]:
    """Power fails at a moment of chance; the messages that were accepted, and that no queue has."""
    flow.wait_for(2, "accepted", timeout=PATIENCE)
    time.sleep(chance.uniform(0, 5))  # the moment itself is what is tried here
    machine.kill()
    accepted = flow.accepted()
    machine.start()
    machine.wait_for_boot()
    return missing(flow, accepted)


def missing(flow: Flow, accepted: set[str]) -> set[str]:
    """Those of the accepted that no queue has. One that moves may be missed, but not each time."""
    lacking = accepted
    deadline = time.monotonic() + 30
    while lacking and time.monotonic() < deadline:
        lacking = lacking - flow.waiting()
    return lacking


def test_every_250_is_in_the_queue_after_a_power_failure(
    deployed: Lab, machine: Machine, record: Record
) -> None:
    chance = random.Random(20261127)
    with flowing(deployed, clients=CLIENTS, timeout=PATIENCE / 5) as flow:
        # Nothing leaves, so that all that was accepted must be in a queue.
        with FAULTS["receivers answer 4xx"](deployed):
            for _ in range(ROUNDS):
                assert power_fails(machine, flow, chance) == set()
                print(f"power failed after {len(flow.accepted())} messages, {time.ctime()}")
            flow.wait_for(1, "accepted", timeout=PATIENCE)
            flow.stop()
        found = flow.tally(timeout=PATIENCE)
    record("power fails, mail waits", ROUNDS, found)
    _nothing_is_lost(found)
    assert not found.duplicated
    tally.all_green(deployed)


def test_no_250_is_lost_where_mail_leaves_meanwhile(
    deployed: Lab, machine: Machine, record: Record
) -> None:
    """That a delivery was done is no more on the disk than that its message is gone: it may be
    delivered again (RFC 5321 §4.5.4.1 wants it so: rather twice than never)."""
    chance = random.Random(20261128)
    with flowing(deployed, clients=CLIENTS, timeout=PATIENCE / 5) as flow:
        for _ in range(ROUNDS_OF_DELIVERY):
            flow.wait_for(2, "accepted", timeout=PATIENCE)
            time.sleep(chance.uniform(0, 5))
            machine.kill()
            machine.start()
            machine.wait_for_boot()
        flow.wait_for(1, "accepted", timeout=PATIENCE)
        found = flow.tally(timeout=PATIENCE)
    record("power fails, mail leaves", ROUNDS_OF_DELIVERY, found)
    _nothing_is_lost(found)
    tally.all_green(deployed)


def _nothing_is_lost(found: Tally) -> None:
    assert found.accepted > 0
    assert not found.lost, found
    assert not found.unsigned, found
    assert not found.waiting, found
    assert not found.returned, found


@pytest.fixture
def without_fsync(deployed: Lab, machine: Machine) -> Iterator[None]:
    """The host's programs believe that fsync(2) has been done (libeatmydata's eatmydata(1))."""
    machine.run("apt-get -qq -y install libeatmydata1", timeout=PATIENCE)
    machine.run(f"ls /usr/lib/*/libeatmydata.so > {PRELOAD}")
    machine.run(f"sync; systemctl restart {UNITS}", timeout=PATIENCE)
    yield
    machine.run(f"rm {PRELOAD}; sync; systemctl restart {UNITS}", timeout=PATIENCE)
    # What is left of messages that are lost: postsuper(1) and the audit complain of it.
    machine.run("find /var/spool/postfix-*/incoming -name '*.*' -delete")
    machine.run("find /var/spool/postfix-*/corrupt -type f -delete")
    wait_until(lambda: _is_quiet(machine), PATIENCE, "the queues' end")
    tally.all_green(deployed)


def _is_quiet(guest: Guest) -> bool:
    """Whether nothing waits any more; what does is asked to go."""
    command = "for d in /etc/postfix-*; do postqueue -c $d -f; postqueue -c $d -j; done"
    return guest.run(command).stdout == ""


def test_without_fsync_the_same_test_sees_losses(
    deployed: Lab, machine: Machine, without_fsync: None
) -> None:
    """The alarm itself."""
    chance = random.Random(20261129)
    with (
        FAULTS["receivers answer 4xx"](deployed),
        flowing(deployed, clients=CLIENTS, timeout=PATIENCE / 5) as flow,
    ):
        rounds = (power_fails(machine, flow, chance) for _ in range(ROUNDS))
        lost = next(filter(None, rounds), set())
        flow.stop()
        print(f"without fsync: {len(lost)} of {len(flow.accepted())} lost")
    assert lost
