"""A host that was somebody's mail server before: nothing of it is lost, and it becomes ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.hosts.guest import Guest
from lab.life.session import Lab
from lab.mail import road
from tests.lab import mail
from tests.lab.runs import deploy_twice

EXIM = """
printf 'Acquire::http::Proxy "%s";\\n' {proxy} > /etc/apt/apt.conf.d/90lab
apt-get -q update && apt-get -q -y --no-install-recommends install exim4-daemon-light
rm /etc/apt/apt.conf.d/90lab
# A message that no queue run of the daemon takes: frozen, as those that came back twice are.
systemctl stop exim4
printf 'Subject: still here\\n\\n' | exim4 -odq root@mail2
exim4 -Mf "$(exim4 -bpr | awk 'NF >= 3 {{ print $3; exit }}')"
systemctl start exim4
"""


@pytest.fixture
def exims(deployed: Lab) -> Iterator[Guest]:
    """mail2 as Debian's exim4 has it, with a message in its queue; as declared again afterwards."""
    guest = deployed.targets["mail2"]
    guest.reset()
    guest.wait_for_boot()
    guest.run(EXIM.format(proxy=deployed.apt_proxy), timeout=300)
    yield guest
    deploy_twice(deployed)
    assert road.plan() == []


def test_a_host_with_exim_is_taken_when_its_queue_is_empty(deployed: Lab, exims: Guest) -> None:
    done = road.deploy("--limit", "mail2")
    assert done.returncode != 0
    assert "Exim still has 1 message in its own queue" in done.stdout + done.stderr
    assert exims.run("exim4 -bpc").stdout == "1\n"
    assert "postfix" not in exims.run("dpkg-query -W -f '${Package}\\n'").stdout.split()
    exims.run("exim4 -qff; while exim4 -bpc | grep -qv '^0'; do sleep 0.2; done", timeout=30)
    assert "Subject: still here" in exims.run("cat /var/mail/*").stdout
    deploy_twice(deployed)
    exims.wait_for_boot()  # No unit has failed: not what was replaced, nor what replaced it.
    assert "exim4" not in exims.run("ps -e -o comm=").stdout
    mail.flows(deployed, [door for door in mail.DOORS if door[0] == "mail2"])
