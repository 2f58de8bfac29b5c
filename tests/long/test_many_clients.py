"""Five hundred clients at once: each hears yes or no, and every yes is kept."""

from __future__ import annotations

from lab.life.session import Lab
from lab.mail import traffic
from tests.long.conftest import Record

CLIENTS = 500


def test_submission_by_five_hundred(deployed: Lab, record: Record) -> None:
    at_each_door = CLIENTS // len(traffic.doors())
    with traffic.flowing(deployed, clients=at_each_door, most=1, timeout=120) as flow:
        flow.wait_for(1, timeout=180)
        found = flow.tally(timeout=300)
        others = [one for one in flow.handed() if one.outcome != "accepted"]
    record("500 clients at once", 1, found)
    assert found.is_clean, found
    assert not others, others[:5]
