"""What an earlier postroad has left on hosts: a dry run names it, a run takes it away, once."""

from __future__ import annotations

from shlex import join

import pytest

from lab.life.session import Lab
from lab.mail import road
from postroad.host.drift import LEFT
from postroad.mail.parts.earlier import PATHS
from postroad.roles.apply import NAMED
from tests.lab import plans

HOSTS = ("mail1", "mail2")
FOLDER, *FILES = PATHS
TITLE = "Firewall | What an earlier postroad left"
SOME = [PATHS[at : at + NAMED] for at in range(0, len(PATHS), NAMED)]


def plant(deployed: Lab, *paths: str) -> None:
    """Have them lie on both hosts; the folder with what an earlier version had in it."""
    for host in HOSTS:
        guest = deployed.targets[host]
        files = [path for path in paths if path != FOLDER]
        if files:
            guest.run(f"touch {join(files)}")
        if FOLDER in paths:
            guest.run(f"mkdir -p {FOLDER} && touch {FOLDER}/__main__.py {FOLDER}/mail.py")


def there(deployed: Lab) -> dict[str, list[str]]:
    listed = f"ls -d {join(PATHS)} 2>/dev/null || :"
    return {host: deployed.targets[host].run(listed).stdout.split() for host in HOSTS}


@pytest.mark.parametrize("paths", SOME, ids=lambda paths: paths[0].rpartition("/")[2])
def test_a_dry_run_names_each_of_it(deployed: Lab, paths: tuple[str, ...]) -> None:
    """A name has room for so many."""
    plant(deployed, *paths)
    try:
        found = road.plan()
        assert {entry["name"].partition(": ")[0] for entry in found} == {TITLE}
        assert plans.named(found) == {(h, f"{p} ({LEFT})") for h in HOSTS for p in paths}
    finally:
        for host in HOSTS:
            deployed.targets[host].run(f"rm -rf {join(paths)}")


def test_a_run_takes_it_away_and_a_second_has_nothing_to_do(deployed: Lab) -> None:
    plant(deployed, *PATHS)
    changed = plans.changed(road.deploy("--json"))
    assert {name.partition(": ")[0] for name in changed} == {TITLE}
    assert there(deployed) == {host: [] for host in HOSTS}
    assert road.plan() == []
    for host in HOSTS:
        marks = deployed.targets[host].run("ls /var/lib/postroad/applied /var/lib/postroad/adopted")
        assert "earlier" not in marks.stdout.split()


def test_it_stays_while_a_unit_is_started_from_there(deployed: Lab) -> None:
    """As where a deploy of one's own leaves the role out that brings unit templates."""
    guest = deployed.targets["mail1"]
    drop_in = "/etc/systemd/system/postroad-lab-of-mine.service"
    plant(deployed, PATHS[-1])
    guest.run(f"printf '[Service]\\nExecStart={PATHS[3]}\\n' > {drop_in}")
    try:
        done = road.deploy("--limit", "mail1")
        assert done.returncode == 1
        assert "units are started from there yet" in done.stdout + done.stderr
        assert there(deployed)["mail1"] == [PATHS[-1]]
    finally:
        guest.run(f"rm {drop_in}")
    done = road.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    assert road.plan() == []
