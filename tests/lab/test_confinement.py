"""What a daemon that was taken over could reach: its own stream, and little else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.faults import judges
from lab.hosts.guest import Guest
from lab.life.session import Lab
from postroad.settings.model import StreamName
from tests.judged import LEVELS, Level

OTHER: dict[StreamName, StreamName] = {
    "transactional": "marketing",
    "marketing": "transactional",
}
DROP_IN = "/run/systemd/system/postroad-dkim@.service.d"


def _main_pid(guest: Guest, unit: str) -> str:
    return guest.run(["systemctl", "show", "-P", "MainPID", unit]).stdout.strip()


def _as_the_signer(guest: Guest, stream: StreamName, command: str) -> bool:
    """Whether a shell command succeeds where the signer of ``stream`` is, and as its user."""
    pid = _main_pid(guest, f"postroad-dkim@{stream}")
    user = guest.run(["id", "-u", "opendkim"]).stdout.strip()
    group = guest.run("getent group postfix | cut -d: -f3").stdout.strip()
    # Nobody may enter the name space of users that he is in already (setns(2)).
    its_own = guest.run(f"[ /proc/{pid}/ns/user -ef /proc/self/ns/user ]", check=False).returncode
    spaces = ("--mount", "--net", *(("--user",) if its_own else ()))
    # With its further group (SupplementaryGroups=), which that name space has no number for: set
    # before, and kept.
    own = guest.run(["id", "-g", "opendkim"]).stdout.strip()
    become = ("setpriv", "--reuid", user, "--regid", group, "--keep-groups")
    into = ("nsenter", f"--target={pid}", *spaces, "--preserve-credentials")
    enter = ["setpriv", "--groups", own, *into, *become, "/bin/sh", "-c"]
    guest.run([*enter, ":"])
    return guest.run([*enter, command], check=False).returncode == 0


def _reached(guest: Guest, stream: StreamName, wanted: StreamName) -> set[str]:
    """What of ``wanted`` the signer of ``stream`` can get at."""
    pid = _main_pid(guest, f"postroad-dkim@{wanted}")
    keys = f"/etc/postroad/{wanted}/keys/*/*.pem"
    ways = {
        "keys": f"cat {keys}",
        "keys, by the process that has them": f"cat /proc/{pid}/root{keys}",
        "socket": f"test -S /run/postroad-dkim-{wanted}/signer.sock",
    }
    return {what for what, command in ways.items() if _as_the_signer(guest, stream, command)}


@pytest.mark.parametrize("name", ["mail1", "mail2"])
@pytest.mark.parametrize("stream", OTHER)
def test_a_signer_reaches_its_own_stream_alone(
    stream: StreamName, name: str, deployed: Lab
) -> None:
    guest = deployed.targets[name]
    assert {"keys", "socket"} <= _reached(guest, stream, stream)
    assert _reached(guest, stream, OTHER[stream]) == set()


@pytest.fixture
def without(request: pytest.FixtureRequest, deployed: Lab) -> Iterator[Guest]:
    """mail1, its signers without some lines of their unit."""
    guest = deployed.targets["mail1"]
    restart = "systemctl daemon-reload && systemctl restart 'postroad-dkim@*'"
    guest.run(["mkdir", DROP_IN])
    guest.write_file(f"{DROP_IN}/open.conf", f"[Service]\n{request.param}")
    guest.run(restart)
    yield guest
    guest.run(f"rm -r {DROP_IN} && {restart}")


@pytest.mark.parametrize(
    ("without", "seen"),
    [
        ("TemporaryFileSystem=\n", {"keys", "socket"}),
        ("PrivateUsers=no\n", {"keys, by the process that has them"}),
    ],
    indirect=["without"],
)
def test_without_its_name_spaces_a_signer_reaches_the_other_stream(
    without: Guest, seen: set[str]
) -> None:
    """The mechanism taken away."""
    assert _reached(without, "marketing", "transactional") == seen


@pytest.mark.parametrize("name", ["mail1", "mail2"])
def test_logins_of_a_stream_are_out_of_the_others_sight(name: str, deployed: Lab) -> None:
    guest = deployed.targets[name]
    for stream, other in OTHER.items():
        pid = _main_pid(guest, f"postroad-auth@{stream}")
        seen = guest.run(["nsenter", f"--target={pid}", "--mount", "ls", "/etc/postroad"]).stdout
        assert seen.split() == [stream], other


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.unit)
def test_no_unit_is_more_exposed_than_told(level: Level, deployed: Lab) -> None:
    for guest in deployed.targets.values():
        assert judges.exposure(guest, f"{level.unit}transactional.service") <= level.now, guest.name


def test_every_daemon_of_ours_has_a_level(deployed: Lab) -> None:
    # postroad-refresh.service is no daemon: root restarts units by it, and it ends. Nor is
    # postroad-alarm@.service, by which root is told of one.
    files = deployed.targets["mail1"].run("ls /etc/systemd/system | grep '^postroad-.*@'").stdout
    daemons = set(files.split()) - {"postroad-alarm@.service"}
    assert sorted(daemons) == sorted(f"{level.unit}.service" for level in LEVELS)


def test_the_budget_of_strangers_is_hardly_exposed(deployed: Lab) -> None:
    """It looks into folders of others, for which it has one capability; it is no user's unit."""
    for guest in deployed.targets.values():
        assert judges.exposure(guest, "postroad-budget.service") <= 0.8, guest.name
