"""What would stop a run half-way is told before its first change, and nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.hosts.guest import Guest
from lab.life.session import Lab
from lab.mail import road

PLACE = "/etc/mailname"
# What a run would have to do first, and last: both are left as they are.
EDIT = f"echo by-hand >> {PLACE}; chmod 640 /etc/ufw/user.rules; echo '#x' >> /etc/ufw/before.rules"
SEEN = "find /etc /var/lib/postroad /usr/local/lib/postroad -newer /run/before -type f | sort"


@pytest.fixture
def host(deployed: Lab) -> Iterator[Guest]:
    """A deployed host on which a run has something to do; it is as declared again afterwards."""
    guest = deployed.hosts["mail1"]
    guest.run(f"{EDIT}; touch -d '1 second ago' /run/before; sleep 1.1; touch /run/before")
    yield guest
    done = road.deploy()
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert road.plan() == []


@contextmanager
def spoilt(guest: Guest, how: str, back: str) -> Iterator[None]:
    guest.run(how)
    try:
        yield
    finally:
        guest.run(back)


def refused(guest: Guest, *words: str) -> None:
    """A run says these words, and has changed nothing there."""
    done = road.deploy()
    told = f"{done.stdout}{done.stderr}"
    assert done.returncode != 0
    assert "mail1 is left as it is" in told
    for each in words:
        assert each in told
    assert "Traceback" not in told
    assert guest.run(SEEN).stdout == ""


def test_a_mount_in_the_place_of_a_file(host: Guest) -> None:
    with spoilt(host, f"mount --bind {PLACE} {PLACE}", f"umount {PLACE}"):
        refused(host, f"{PLACE} is a mount of its own", f"umount {PLACE}")


def test_a_read_only_mount_and_a_folder_in_the_place_of_a_file(host: Guest) -> None:
    """Both at once: every reason is told."""
    how = "mount --bind /etc/ufw /etc/ufw && mount -o remount,ro,bind /etc/ufw"
    folder = f"mv {PLACE} /run/mailname && mkdir {PLACE} && touch /run/before"
    with (
        spoilt(host, how, "umount /etc/ufw"),
        spoilt(host, folder, f"rmdir {PLACE} && mv /run/mailname {PLACE}"),
    ):
        refused(
            host,
            "/etc/ufw is mounted read-only",
            "mount -o remount,rw /etc/ufw",
            f"{PLACE} is a folder",
        )


def test_an_attribute(host: Guest) -> None:
    if host.run(f"chattr +i {PLACE}", check=False).returncode:
        pytest.skip("this file system has no attributes, or the container may not set them")
    with spoilt(host, "true", f"chattr -i {PLACE}"):
        refused(host, f"{PLACE} cannot be changed, by its attribute", f"chattr -i {PLACE}")


def test_what_a_run_leaves_alone_stops_none(deployed: Lab) -> None:
    """A mount on a file that is as declared: the run has nothing to do there."""
    guest = deployed.hosts["mail1"]
    with spoilt(guest, f"mount --bind {PLACE} {PLACE}", f"umount {PLACE}"):
        assert road.plan() == []
        assert road.deploy().returncode == 0
