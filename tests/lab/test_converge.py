"""A second run changes nothing, and neither does what happens on a host from day to day."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from lab.life.session import Lab
from lab.mail import road
from tests.lab import host, mail, plans
from tests.lab.runs import nothing_of_a_run_is_left

# What moves on a host by itself; each on both releases.
DAYS = """
set -e
apt-get -qq update
find /var/lib/apt/lists /var/cache/apt -type f -exec touch -d '2 days ago' {} +
certbot renew --quiet --no-random-sleep-on-renew --force-renewal
rm -f /var/log/postroad/*.log-*
logrotate --force /etc/logrotate.d/postroad
systemd-tmpfiles --clean
systemctl daemon-reload
"""


def test_a_second_run_changes_nothing(deployed: Lab) -> None:
    assert plans.changed(road.deploy("--json")) == {}
    assert road.plan() == []


def test_the_first_runs_left_nothing_of_themselves(deployed: Lab) -> None:
    nothing_of_a_run_is_left(deployed)


def test_ordinary_days_change_nothing(deployed: Lab) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda guest: guest.run(DAYS, timeout=120), deployed.targets.values()))
    assert plans.named(road.plan()) == set()
    mail.flows(deployed)
    for guest in deployed.targets.values():
        # The letter can be there before its sender has read the answer, and written it down.
        host.wait_for_log(guest, "marketing", "status=sent")
