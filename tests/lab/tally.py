"""A fault, with mail flowing before, during and after it, and the tally at the end."""

from __future__ import annotations

from lab.faults.table import Fault
from lab.life.session import Lab
from lab.mail import road, traffic
from lab.mail.tally import Tally

# Messages at each door.
BEFORE, DURING, AFTER = 3, 10, 3


def endured(lab: Lab, fault: Fault, times: int) -> Tally:
    """The tally of mail that flows while a fault comes and goes, and flows again each time."""
    with traffic.flowing(lab) as flow:
        flow.wait_for(BEFORE, "accepted")
        for _ in range(times):
            with fault(lab):
                flow.wait_for(DURING, timeout=120)
            flow.wait_for(AFTER, "accepted", timeout=90)
        return flow.tally()


def all_green(lab: Lab) -> None:
    """The next run mends whatever there is to mend, and leaves nothing."""
    if road.plan():
        done = road.deploy()
        assert done.returncode == 0, done.stdout + done.stderr
        assert road.plan() == []
