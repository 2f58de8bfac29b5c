"""Faults while mail flows: nothing accepted is lost, nothing leaves unsigned, nothing goes twice.

One flow meets several faults here; `script/test long` takes each for itself, and many more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from lab.faults import daemons
from lab.faults.table import FAULTS
from lab.hosts.guest import wait_until
from lab.life.session import Lab
from lab.mail import traffic
from tests.lab import host, tally


@pytest.fixture(autouse=True)
def green_afterwards(deployed: Lab) -> Iterator[None]:
    yield
    tally.all_green(deployed)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([f"kill -9 {program}" for program in daemons.DAEMONS], id="daemons"),
        pytest.param(
            [
                "resolver dead",
                "receivers hang",
                "receivers drop connections",
                "receivers' last replies are lost",
            ],
            id="networks-and-receivers",
        ),
    ],
)
def test_faults_in_turn(deployed: Lab, names: list[str]) -> None:
    with traffic.flowing(deployed) as flow:
        flow.wait_for(2, "accepted")
        for name in names:
            with FAULTS[name](deployed):
                flow.wait_for(2)
            flow.wait_for(1, "accepted", timeout=90)
        found = flow.tally()
    assert found.is_clean, found
    assert not found.returned
    assert not found.waiting


def test_a_delivery_that_outlives_master_keeps_no_stream_down(deployed: Lab) -> None:
    """systemd starts master again at once, whatever of the old one's is still busy."""
    with traffic.flowing(deployed) as flow:
        with FAULTS["receivers hang"](deployed):
            flow.wait_for(3, "accepted")
            with FAULTS["kill -9 master"](deployed):
                flow.wait_for(1)
            flow.wait_for(1, "accepted", timeout=60)
        found = flow.tally()
    assert found.is_clean, found


def test_what_a_power_failure_left_in_a_queue_keeps_no_stream_down(deployed: Lab) -> None:
    """A queue file that has no name yet: `postfix check` warns of it, and must be able to."""
    left = "/var/spool/postfix-marketing/incoming/664837.1271"
    unit = "postroad-postfix@marketing.service"
    for guest in deployed.targets.values():
        guest.run(f"install -o postfix -m 600 /dev/null {left}")
        try:
            guest.run(f"systemctl restart {unit}")
            guest.run(f"systemctl is-active {unit}")
        finally:
            guest.run(f"rm -f {left}; systemctl restart {unit}")


def test_the_tally_shows_what_is_lost(deployed: Lab) -> None:
    """The alarm itself: a message that was accepted is thrown away."""
    guest = deployed.targets["mail1"]
    spool = "/var/spool/postfix-marketing/deferred"
    host.empty(guest, "marketing")
    with ExitStack() as stack:
        flow = stack.enter_context(traffic.flowing(deployed))
        with FAULTS["receivers answer 4xx"](deployed):
            flow.wait_for(1, "accepted")
            wait_until(
                lambda: guest.run(f"find {spool} -type f").stdout != "", 30, "a message deferred"
            )
            flow.stop()
            guest.run("postsuper -c /etc/postfix-marketing -d ALL")
        found = flow.tally()
    assert found.lost
    assert not found.is_clean
