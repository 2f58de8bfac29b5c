"""A fault, with mail flowing before, during and after it, and what the books say at the end."""

from __future__ import annotations

from lab import road, traffic
from lab.faults import Fault
from lab.ledger import Balance
from lab.session import Lab

# Messages at each door.
BEFORE, DURING, AFTER = 3, 10, 3


def endured(lab: Lab, fault: Fault, times: int) -> Balance:
    """The books of mail that flows while a fault comes and goes, and flows again each time."""
    with traffic.flowing(lab) as flow:
        flow.wait_for(BEFORE, "accepted")
        for _ in range(times):
            with fault(lab):
                flow.wait_for(DURING, timeout=120)
            flow.wait_for(AFTER, "accepted", timeout=90)
        return flow.books()


def all_green(lab: Lab) -> None:
    """The next run mends whatever there is to mend, and leaves nothing."""
    if road.plan():
        done = road.deploy()
        assert done.returncode == 0, done.stdout + done.stderr
        assert road.plan() == []
