"""What of a host's system stops a run is told before the first change, each with its mend.

tests/lab/test_half_done.py does it to real hosts.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from typing import Any

import pytest

from postroad.host import ground
from postroad.host.component import Component, File
from postroad.host.found import MARK, FileState, HostState
from postroad.host.ground import Account, Ground, Mount, Room, parse, probe
from postroad.mail.certificate import CERTIFICATE
from postroad.mail.firewall.found import FIREWALL
from postroad.mail.parts.order import everything
from postroad.mail.preflight import misplaced, refusals, work
from postroad.mail.questions import shape
from postroad.mail.signing.found import KEYS
from postroad.mail.software import packages
from tests.unit import estates
from tests.unit.declarations import declaration
from tests.unit.healthy import audited
from tests.unit.machine import bare, made_true
from tests.unit.states import altered

ESTATE = estates.estate(declaration())
MAIL1 = ESTATE.host("mail1")
FOLDERS = (
    "/",
    "/etc",
    "/etc/postfix",
    "/run",
    "/usr",
    "/usr/local",
    "/var",
    "/var/lib",
    "/var/spool",
)
FRESH = replace(
    bare(ESTATE, MAIL1),
    files={place: FileState("directory", "root", "root", 0o755) for place in FOLDERS},
)
PARTS = tuple(everything(shape(ESTATE, MAIL1)))
ROOT = Mount("/", frozenset({"rw"}), "ext4")


def told(state: HostState = FRESH, **found: Any) -> list[str]:
    state = altered(state, ground=Ground(**found))
    return list(refusals(ESTATE, MAIL1, state, 0, (), PARTS))


def on(place: str, *options: str) -> dict[str, Mount]:
    return {"/": ROOT, place: Mount(place, frozenset(options), "ext4")}


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "an immutable file": (
        {"attributes": {"/etc/resolv.conf": "i"}},
        "/etc/resolv.conf cannot be changed, by its attribute",
        "chattr -i /etc/resolv.conf",
    ),
    "an immutable folder": (
        {"attributes": {"/etc": "i"}}, "/etc cannot be changed", "chattr -i /etc"
    ),
    "a file that only grows": (
        {"attributes": {"/etc/hosts": "a"}}, "can only be added to", "chattr -a /etc/hosts"
    ),
    "an account file": (
        {"attributes": {"/etc/passwd": "i"}}, "/etc/passwd cannot be changed", "chattr -i"
    ),
    "an attribute and no right either": (
        {"attributes": {"/etc/hosts": "i"}, "closed": frozenset({"/etc/hosts"})},
        "/etc/hosts cannot be changed",
        "chattr -i",
    ),
    "a read-only mount": (
        {"closed": frozenset({"/usr", "/usr/bin"}), "mounts": on("/usr", "ro")},
        "/usr is mounted read-only",
        "mount -o remount,rw /usr",
    ),
    "a read-only root": (
        {"closed": frozenset(FOLDERS), "mounts": {"/": Mount("/", frozenset({"ro"}), "ext4")}},
        "/ is mounted read-only",
        "kernel's log",
    ),
    "a folder of somebody else": (
        {"closed": frozenset({"/var/lib"}), "mounts": {"/": ROOT}},
        "root cannot write /var/lib",
        "findmnt",
    ),
    "a mount in the place of a file": (
        {"mounts": on("/etc/resolv.conf", "rw")},
        "/etc/resolv.conf is a mount of its own",
        "umount /etc/resolv.conf",
    ),
    "programs that may not run": (
        {"mounts": on("/usr/local", "rw", "noexec")}, "mounted noexec", "remount,exec /usr/local"
    ),
    "packages' programs that may not run": (
        {"mounts": on("/var", "rw", "noexec")}, "from /var/lib/dpkg/info", "remount,exec /var"
    ),
    "programs without their group": (
        {"mounts": on("/usr", "rw", "nosuid")}, "mounted nosuid, and Postfix's postdrop", "suid"
    ),
    "no room for packages": (
        {"room": {"/usr": Room(100_000, 10_000)}}, "/usr has 100000 KiB free", "make room"
    ),
    "no room for a run": ({"room": {"/run": Room(10, None)}}, "/run has 10 KiB free", "8192"),
    "no inodes": ({"room": {"/etc": Room(1 << 30, 12)}}, "/etc has 12 inodes free", "small files"),
    "no user namespaces": ({"lacks": frozenset({"mount-namespace"})}, "mount namespace", "nesting"),
    "no network namespaces": (
        {"lacks": frozenset({"network-namespace"})}, "network namespace", "unshare --net true"
    ),
    "no systemd": ({"lacks": frozenset({"systemd"})}, "systemd does not run it", "systemd starts"),
    "no devices": ({"lacks": frozenset({"devices"})}, "is no device there", "mknod"),
    "a closed /tmp": ({"lacks": frozenset({"tmp"})}, "/tmp is not open to all", "chmod 1777 /tmp"),
    "no IPv6 in the kernel": ({"lacks": frozenset({"ipv6"})}, "no IPv6 at all", "ipv6.disable=1"),
    "no match in the kernel": (
        {"lacks": frozenset({"xt_connlimit", "iptables"})},
        "lacks what the firewall's rules are made of (iptables, xt_connlimit)",
        "modprobe",
    ),
    "a resolver that does not answer": (
        {"lacks": frozenset({"name deb.mirror.example"})},
        "it finds no address of deb.mirror.example",
        "/etc/resolv.conf",
    ),
    "a person called postfix": (
        {"users": {"postfix": Account(1000, "/home/postfix")}},
        'the user "postfix" is there with the number 1000',
        "usermod -l NEW postfix",
    ),
    "a group of people called postdrop": (
        {"groups": {"postdrop": Account(1001)}}, 'the group "postdrop"', "groupmod -n NEW postdrop"
    ),
    "a user of our name": (
        {"users": {"postroad-mail": Account(990, "/srv/x")}},
        'the user "postroad-mail" is there, with the home /srv/x',
        "usermod -l",
    ),
    "a group of our name": (
        {"groups": {"postroad-mail": Account(990)}},
        'the group "postroad-mail" is there without the user',
        "groupdel",
    ),
    "a user of a unit's name": (
        {"users": {"postroad-milter": Account(990, "/")}}, 'the user "postroad-milter"', "rename it"
    ),
    "a package manager that waits": (
        {"holder": "apt-get (process 7)", "held_seconds": 7300},
        "dpkg's lock is held by apt-get (process 7) for 2 hours",
        "end it",
    ),
    "a package on hold": (
        {"apt": ("E: Held packages were changed and -y was used without --allow",)},
        "apt cannot install what is missing (Held packages",
        "apt-mark unhold",
    ),
    "a package in a half state": (
        {"apt": ("E: The package x needs to be reinstalled, but I can't find an archive",)},
        "needs to be reinstalled",
        "--reinstall",
    ),
    "a group of a unit's name": (
        {"groups": {"postroad-milter": Account(990)}},
        'the group "postroad-milter"',
        "groupmod -n NEW postroad-milter",
    ),
    "a folder that packages fill": (
        {"attributes": {"/etc/cron.d": "i"}}, "/etc/cron.d cannot be changed", "chattr -i"
    ),
    "the copy of an account file": (
        {"attributes": {"/etc/shadow-": "i"}}, "/etc/shadow- cannot be changed", "chattr -i"
    ),
    "a firewall that cannot be written": (
        {"attributes": {"/etc/ufw/user6.rules": "i"}}, "/etc/ufw/user6.rules cannot", "chattr -i"
    ),
    "a certificate that cannot be written": (
        {"attributes": {"/etc/letsencrypt/live": "i"}}, "/etc/letsencrypt/live cannot", "chattr -i"
    ),
    "no room for what is fetched": (
        {
            "mounts": on("/var/cache/apt/archives", "rw"),
            "room": {"/var/cache/apt/archives": Room(200, 999_999)},
        },
        "/var/cache/apt/archives has 200 KiB free",
        "make room",
    ),
    "no room for lists": (
        {"mounts": on("/var/lib/apt/lists", "rw"), "room": {"/var/lib/apt/lists": Room(64, None)}},
        "/var/lib/apt/lists has 64 KiB free",
        "make room",
    ),
    "no room for what is kept": (
        {"mounts": on("/var/lib", "rw"), "room": {"/var/lib": Room(64, None)}},
        "/var/lib has 64 KiB free",
        "make room",
    ),
    "no room for logs": (
        {"mounts": on("/var/log", "rw"), "room": {"/var/log": Room(64, None)}},
        "/var/log has 64 KiB free",
        "make room",
    ),
    "a pinned package": (
        {"pinned": ("opendkim",)}, "never to install opendkim", "/etc/apt/preferences.d"
    ),
    "a dpkg that reads no settings": (
        {"dpkg": "configuration error: /etc/dpkg/dpkg.cfg.d/x:1: unknown option 'y'"},
        "dpkg does not work there (configuration error: /etc/dpkg/dpkg.cfg.d/x:1",
        "correct that file",
    ),
    "a dpkg that reads no status": (
        {"dpkg": "parsing file '/var/lib/dpkg/status' near line 4"},
        "near line 4",
        "/var/lib/dpkg/status-old",
    ),
    "an override for nobody": (
        {"overridden": ("gone",)}, "statoverride names gone", "dpkg-statoverride --remove"
    ),
    "broken packages": (
        {"apt": ("E: Unable to correct problems, you have held broken packages.",)},
        "Unable to correct problems",
        "apt-mark showhold",
    ),
    "sources that cannot be read": (
        {"apt": ("E: Malformed entry 1 in list file /etc/apt/sources.list",)},
        "Malformed entry 1",
        "correct that file",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_stops_a_run_is_told_once_with_its_mend(
    case: tuple[dict[str, Any], str, str],
) -> None:
    found, wrong, mend = case
    (reason,) = told(**found)
    assert wrong in reason
    assert mend in reason


def test_nothing_is_in_the_way_where_nothing_is() -> None:
    assert told() == []
    plain: dict[str, Any] = {
        "mounts": {"/": ROOT, "/var/spool": Mount("/var/spool", frozenset({"rw"}), "xfs")},
        "room": {place: Room(1 << 30, None) for place in ("/etc", "/run", "/usr", "/var/spool")},
        "users": {"postfix": Account(107, "/var/spool/postfix"), "unbound": Account(65534, "/")},
        "holder": "unattended-upgr (process 7)",
        "held_seconds": 60,
    }
    assert told(**plain) == []


def as_declared() -> HostState:
    """A host after a run of its own: each component is as it must be, and what else it has."""
    healthy = audited().state
    state = replace(FRESH, packages=dict.fromkeys(packages(ESTATE), "1"))
    state = replace(state, users={"postroad-mail": 998}, files={**healthy.files, **FRESH.files})
    state = altered(
        state,
        firewall=healthy[FIREWALL],
        keys=healthy[KEYS],
        certificate=healthy[CERTIFICATE],
    )
    for part in PARTS:
        state = made_true(state, part)
    return state


def test_what_a_run_does_not_touch_stops_none() -> None:
    """Whoever has made our own resolv.conf immutable loses no run by it that changes nothing."""
    done = as_declared()
    assert work(PARTS, ESTATE, MAIL1, done).is_nothing
    everything = {"attributes": {"/etc/resolv.conf": "i"}, "lacks": frozenset({"tmp"})}
    assert told(done, **everything) == []
    files = {
        **done.files,
        "/etc/mailname": replace(done.files["/etc/mailname"], sha256="other"),
    }
    edited = replace(done, files=files)
    assert told(edited, attributes={"/etc/resolv.conf": "i"}) == []
    (reason,) = told(edited, attributes={"/etc/mailname": "i"})
    assert "chattr -i /etc/mailname" in reason


def test_what_operations_write_is_asked_where_they_would_write() -> None:
    """The folders of keys and ufw's rules are no component's."""
    done = as_declared()
    keys = "/etc/postroad/transactional/keys"
    places = (keys, "/etc/ufw/user.rules", "/etc/default/ufw", "/etc/letsencrypt/live")
    spoilt = {"attributes": dict.fromkeys(places, "i")}
    assert told(done, **spoilt) == []
    lacking = (
        (altered(done, keys=()), keys),
        (altered(done, firewall=replace(done[FIREWALL], rules4=())), "/etc/ufw/user.rules"),
        (altered(done, certificate=None), "/etc/letsencrypt/live"),
    )
    for state, path in lacking:
        (reason,) = told(state, **spoilt)
        assert reason.startswith(f"{path} cannot be changed, by its attribute")
        assert f"chattr -i {path}" in reason


def test_room_on_a_file_system_that_is_asked_as_a_whole_is_told_once() -> None:
    room = {place: Room(100, None) for place in ("/var/lib", "/var/log", "/var/cache/apt/archives")}
    assert told(mounts={"/": ROOT}, room=room) == []


FINAL = (
    "E: The value 'bullseye' is invalid for APT::Default-Release as such a release is not available"
    " in the sources",
    "E: Unable to parse package file /etc/apt/preferences.d/x (1)",
    "E: Invalid record in the preferences file /etc/apt/preferences.d/x, no Package header",
    "E: No priority (or zero) specified for pin",
    "E: Unable to correct problems, you have held broken packages.",
    "E: The package lists or status file could not be parsed or opened.",
)


@pytest.mark.parametrize("said", FINAL)
def test_what_a_fresh_list_of_packages_does_not_mend_is_final(said: str) -> None:
    assert parse({"apt": [said]}).apt == (said,)


def test_room_that_a_stream_wants_to_have_free_is_there_on_the_first_day() -> None:
    reasons = told(room={"/var/spool": Room(1_200_000, None)})
    assert [re.findall(r"its (\w+) instance", reason) for reason in reasons] == [["inbound"]]
    assert "queue_minfree" in reasons[0]
    # One that is there already says so by itself, and is not stopped from being mended.
    done = as_declared()
    files = {**done.files, "/etc/mailname": replace(done.files["/etc/mailname"], sha256="x")}
    assert told(replace(done, files=files), room={"/var/spool": Room(1_200_000, None)}) == []


def test_a_host_whose_addresses_cannot_be_read_is_not_told_that_it_has_none() -> None:
    """ip(8) is in no minimal root."""
    state = replace(FRESH, addresses=frozenset())
    lacking = frozenset({"program ip", "program flock"})
    (reason,) = told(state, lacks=lacking)
    assert "it has no flock, ip, which a run needs" in reason
    assert "apt-get install iproute2 util-linux" in reason


# ---- what stands in the place of another thing


def test_a_folder_in_the_place_of_a_file_is_told() -> None:
    folder = FileState("directory", "root", "root", 0o755)
    part = Component("x", files=(File("/etc/mailname", b""),), absent=("/etc/gone",))
    state = replace(FRESH, files={**FRESH.files, "/etc/mailname": folder, "/etc/gone": folder})
    assert [reason.partition(" is")[0] for reason in misplaced([part], state)] == [
        "/etc/mailname",
        "/etc/gone",
    ]


def test_a_file_in_the_place_of_a_folder_above_is_told() -> None:
    file = FileState("file", "root", "root", 0o644)
    part = Component("x", files=(File("/etc/unbound/unbound.conf", b""),))
    state = replace(FRESH, files={**FRESH.files, "/etc/unbound": file})
    (reason,) = misplaced([part], state)
    assert reason.startswith("/etc/unbound is a file, and a run has things below it")


def test_what_was_planted_stops_a_run_before_its_first_change() -> None:
    link = FileState("symlink", "syslog", "syslog", 0o777)
    state = replace(FRESH, files={**FRESH.files, "/var/log/postroad": link})
    (reason,) = told(state)
    assert "/var/log/postroad (is a symlink, not a directory)" in reason
    assert "look who made it, and remove it" in reason
    keys = "/etc/postroad/marketing/keys"
    state = replace(FRESH, files={**FRESH.files, keys: link})
    reasons = told(state)
    assert len([reason for reason in reasons if reason.startswith(keys)]) == 1


# ---- how it is read


MOUNTINFO = (
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw",
    "30 22 0:27 / /run rw,nosuid,nodev,noexec shared:5 - tmpfs tmpfs rw,size=1k",
    r"31 22 0:28 /x /etc/resolv\040conf ro,relatime - ext4 /dev/vda rw",
)


def test_the_answer_is_read() -> None:
    found = parse(
        {
            "closed": ["/usr"],
            "attributes": ["----i---------e------- /etc/a b", "-----a--------e------- /var/x"],
            "mounts": MOUNTINFO,
            "room": ["/etc|100|4096|7|9", "/run|1|1024|0|0"],
            "accounts": ["u:postfix:x:107:112::/var/spool/postfix:/usr/sbin/nologin", "g:y:x:9:"],
            "lacks": ["tmp"],
            "apt": [
                "E: Unable to locate package x",
                "E: Held packages were changed",
                "holder 7 apt-get 7300",
                "pinned opendkim",
                "nobody gone",
                "dpkg parsing file '/var/lib/dpkg/status' near line 4:",
                "names deb.mirror.example security.mirror.example",
            ],
        }
    )
    assert found.closed == {"/usr"}
    assert found.attributes == {"/etc/a b": "i", "/var/x": "a"}
    assert found.mounts["/etc/resolv conf"].options >= {"ro"}
    assert found.mounts["/run"].kind == "tmpfs"
    assert found.room == {"/etc": Room(400, 7), "/run": Room(1, None)}
    assert found.users == {"postfix": Account(107, "/var/spool/postfix")}
    assert found.groups == {"y": Account(9)}
    assert found.lacks == {"tmp", "name deb.mirror.example", "name security.mirror.example"}
    assert found.apt == ("E: Held packages were changed",)
    assert (found.pinned, found.overridden) == (("opendkim",), ("gone",))
    assert found.dpkg == "parsing file '/var/lib/dpkg/status' near line 4:"
    assert (found.holder, found.held_seconds) == ("apt-get (process 7)", 7300)
    assert parse({}) == Ground()


def test_the_probe_asks_for_every_path_and_costs_nothing_where_all_is_there() -> None:
    text = probe(["/etc/a b"], ["postfix"], adopted="/x", by_proxy=True)
    assert "'/etc/a b'" in text
    assert "indextargets" not in text
    assert "indextargets" in probe([], ["postfix"], adopted="/x", by_proxy=False)
    assert MARK not in text
    assert subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode == 0


POLICY = """\
ufw:
  Installed: (none)
  Candidate: (none)
  Version table:
     0.36.2-1 -1
        500 http://packages.lab.example/debian bookworm/main amd64 Packages
unbound:
  Installed: (none)
  Candidate: (none)
  Version table:
postfix:
  Installed: (none)
  Candidate: 3.7.11-0+deb12u1
  Version table:
     3.7.11-0+deb12u1 500
        500 http://packages.lab.example/debian bookworm/main amd64 Packages
"""


def test_a_pin_is_told_from_a_list_that_is_not_fetched_yet() -> None:
    done = subprocess.run(
        ["awk", ground.PINNED], input=POLICY, capture_output=True, text=True, check=True
    )
    assert done.stdout == "pinned ufw\n"


def test_the_user_of_a_unit_that_runs_is_nobody_s() -> None:
    """nss-systemd(8) knows it as long as the unit runs."""
    lines = "postroad-milter:x:64123:\npostroad-milter:x:990:\n"
    done = subprocess.run(
        ["awk", "-F:", ground.IS_STATIC], input=lines, capture_output=True, text=True, check=True
    )
    assert done.stdout == "postroad-milter:x:990:\n"
