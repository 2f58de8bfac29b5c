"""Hosts are rebooted while mail waits: everything comes back, and the mail goes out, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from lab.mail import road
from tests.lab import mail


@pytest.fixture
def unreachable(deployed: Lab) -> Iterator[Guest]:
    """A provider whose MX does not answer."""
    provider = deployed.hosts["bigmail"]
    provider.run("systemctl stop postfix")
    yield provider
    provider.run("systemctl start postfix")


def _queue(guest: Guest, stream: str) -> dict[str, str]:
    """The queue that each message of the stream waits in."""
    listed = guest.run(f"postqueue -c /etc/postfix-{stream} -j").stdout.splitlines()
    return {m["queue_id"]: m["queue_name"] for m in map(json.loads, listed)}


def test_after_a_reboot_all_is_back_and_waiting_mail_goes_out(
    deployed: Lab, unreachable: Guest
) -> None:
    waiting = {door: mail.hand_in(deployed, *door) for door in mail.DOORS}
    before = {}
    for host, stream in waiting:
        guest = deployed.targets[host]
        wait_until(
            lambda guest=guest, stream=stream: "deferred" in _queue(guest, stream).values(),  # type: ignore[misc]
            30,
            f"{stream} mail deferred on {host}",
        )
        before[host, stream] = set(_queue(guest, stream))
    with ThreadPoolExecutor() as pool:
        list(pool.map(Guest.reboot, deployed.targets.values()))
    for guest in deployed.targets.values():
        restarts = guest.run("systemctl show -P NRestarts 'postroad-*@*.service'").stdout.split()
        assert set(restarts) == {"0"}, "an instance could not start at once"
    assert road.plan() == []
    for (host, stream), ids in before.items():
        assert set(_queue(deployed.targets[host], stream)) == ids
    unreachable.run("systemctl start postfix")
    for host, stream in waiting:
        deployed.targets[host].run(f"postqueue -c /etc/postfix-{stream} -f")
    for letter in waiting.values():
        deployed.providers["bigmail"].wait_for(letter.subject)
    subjects = [m.subject for m in deployed.providers["bigmail"].messages()]
    assert [subjects.count(letter.subject) for letter in waiting.values()] == [1] * len(waiting)
