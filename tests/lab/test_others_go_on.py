"""One host is refused, silent or out of reach: the other is deployed, and the first is named."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from lab.hosts import here
from lab.hosts.errors import LabError
from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from lab.mail import road
from tests.lab.test_bad_input import changed, shim

DRIFT = "/etc/mailname"
Trouble = Callable[[Guest], AbstractContextManager[None]]


@pytest.fixture(scope="module", autouse=True)
def published(deployed: Lab) -> None:
    """The names are as the hosts have them: other tests may have given them other keys."""
    road.publish(deployed)


@pytest.fixture
def sound(deployed: Lab) -> Iterator[Guest]:
    """mail1, with something for a run to mend."""
    guest = deployed.targets["mail1"]
    guest.run(f"cp -a {DRIFT} /root/mailname; echo drift >> {DRIFT}")
    yield guest
    guest.run(f"cp -a /root/mailname {DRIFT}; rm /root/mailname")
    assert road.plan() == []


def is_mended(guest: Guest) -> bool:
    return "drift" not in guest.read_file(DRIFT)


@contextmanager
def off(guest: Guest) -> Iterator[None]:
    guest.kill()
    try:
        yield
    finally:
        guest.start()
        guest.wait_for_boot()


@contextmanager
def stands_still(guest: Guest) -> Iterator[None]:
    guest.freeze()
    try:
        yield
    finally:
        guest.thaw()


RELEASE = "/etc/os-release"
REFUSED: dict[str, tuple[Trouble, str]] = {
    "off": (off, "mail2: no connection"),
    "it stands still": (stands_still, "mail2: no connection"),
    "sshd is stopped": (
        lambda guest: changed(
            guest, "systemctl stop ssh.socket ssh.service", "systemctl start ssh.service"
        ),
        "mail2: no connection",
    ),
    "an old release": (
        lambda guest: changed(
            guest,
            f"mv {RELEASE} {RELEASE}.aside; printf 'ID=debian\\nVERSION_ID=10\\n' > {RELEASE}",
            f"mv {RELEASE}.aside {RELEASE}",
        ),
        "mail2 is left as it is:\n  - it runs debian 10",
    ),
    "its clock is off": (
        partial(shim, program="date", script='exec /usr/bin/date -d "+5 minutes" "$@"'),
        "s ahead of this machine's",
    ),
    "it answers noise": (
        lambda guest: changed(
            guest,
            "cp -p /root/.bashrc /root/kept; echo 'echo no; exit 1' > /root/.bashrc",
            "mv /root/kept /root/.bashrc",
        ),
        "mail2: its state: it does not do what it is asked; it says: no",
    ),
}


def told(done: subprocess.CompletedProcess[str]) -> str:
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "Traceback" not in said
    assert "internal exception" not in said
    return said


@pytest.mark.parametrize(("trouble", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_the_other_one_is_planned_and_deployed(
    trouble: Trouble, words: str, sound: Guest, deployed: Lab
) -> None:
    with trouble(deployed.targets["mail2"]):
        # Without -y, and with nobody to answer a question.
        dry = told(road.pyinfra("--dry", str(road.INVENTORY), str(road.DEPLOY)))
        plan = dry.index("Detected changes")
        assert words in dry[:plan].replace("[mail2] ", "mail2: no connection "), "first"
        assert f"{DRIFT} (content)" in dry
        assert words in dry[dry.index("Not done on mail2; the exit status is 1:") :], "last"
        assert not is_mended(sound)
        done = told(road.deploy())
        assert is_mended(sound)
        assert words in done[done.index("Not done on mail2; the exit status is 1:") :]


def test_json_stays_json(sound: Guest, deployed: Lab) -> None:
    with REFUSED["an old release"][0](deployed.targets["mail2"]):
        done = road.pyinfra("--dry", "--json", str(road.INVENTORY), str(road.DEPLOY))
    assert done.returncode == 1
    found = [row for row in json.loads(done.stdout)["plan"] if row["hosts_with_change"]]
    assert {host for row in found for host in row["hosts_with_change"]} == {"mail1"}


@pytest.mark.parametrize("options", [[], ["--no-wait"], ["--serial"]])
def test_a_host_that_fails_in_the_middle(options: list[str], sound: Guest, deployed: Lab) -> None:
    mail2 = deployed.targets["mail2"]
    mail2.run(f"cp -a {DRIFT} /root/mailname; echo drift >> {DRIFT}")
    with shim(mail2, "mv", "exit 1"):
        done = told(road.deploy(*options))
    assert is_mended(sound)
    assert "mail2: it failed at Base | Host name and hosts file, see above" in done
    assert road.deploy().returncode == 0
    assert is_mended(mail2)


def test_a_host_that_stands_still_in_the_middle_is_not_waited_for(
    sound: Guest, deployed: Lab
) -> None:
    """Its kernel answers, and none of its processes: to TCP it is well."""
    mail2 = deployed.targets["mail2"]
    mail2.run(f"cp -a {DRIFT} /root/mailname; echo drift >> {DRIFT}; rm -f /root/reached")
    with (
        shim(mail2, "mv", "touch /root/reached; sleep 600"),
        subprocess.Popen(
            [sys.executable, "-m", "pyinfra", "-y", str(road.INVENTORY), str(road.DEPLOY)],
            cwd=here.CLONE,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as run,
    ):
        wait_until(lambda: _is_there(mail2, "/root/reached"), 60, "the middle of the run")
        with stands_still(mail2):
            said, _ = run.communicate(timeout=240)
        mail2.run("pkill -x sleep || :")
    assert run.returncode == 1
    assert is_mended(sound)
    assert "mail2: it went silent" in said[said.index("Not done on mail2") :]
    assert "Traceback" not in said
    assert road.deploy().returncode == 0
    assert is_mended(mail2)


def _is_there(guest: Guest, path: str) -> bool:
    try:
        return guest.run(["test", "-e", path], check=False).returncode == 0
    except LabError:
        return False


def test_the_other_deploys(deployed: Lab, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    road.postroad("backup", str(road.INVENTORY), str(kept))
    with ExitStack() as stack:
        mail2 = deployed.targets["mail2"]
        stack.enter_context(REFUSED["sshd is stopped"][0](mail2))
        drained = told(road.pause("marketing", "drain"))
        assert "Not done on mail2" in drained
        assert deployed.targets["mail1"].read_file("/etc/postroad/marketing/pause") == "drain\n"
        told(road.pause("marketing", "resume"))
        leave = ("--dry", "--data", "leave=all", str(road.INVENTORY), str(road.LEAVE))
        left = told(road.pyinfra(*leave))
        assert "Close to new mail" in left
        assert "Not done on mail2" in left
        rotated = told(road.rotate())
        assert "mail2 is not in this run" in rotated
        assert "nothing was rotated: run it for all hosts" in rotated
    restore = (str(road.INVENTORY), "deploys/restore.py")
    for archive in kept.glob("mail2*"):
        archive.unlink()
    back = told(road.pyinfra("--dry", "--data", f"backups={kept}", *restore))
    assert "mail2" in back[back.index("Not done on mail2") :]
    assert "cannot be read: No such file" in back
    assert road.plan() == []


def test_a_rotation_with_a_refused_host_says_that_it_needs_all(deployed: Lab) -> None:
    with REFUSED["an old release"][0](deployed.targets["mail2"]):
        said = told(road.rotate())
    assert "mail2 is left as it is:" in said
    assert "nothing was rotated: run it for all hosts" in said
