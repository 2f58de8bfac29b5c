"""A local account without rights: it stops no run and no upgrade, and cannot use what is ours.

Everything here is done as ``nobody``, and told by the kernel's answers.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from lab.hosts import here
from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from lab.mail import road
from postroad.host.paths import LOCKS, REFRESH, STAMPS, TOOLS
from postroad.settings.model import Estate
from postroad.settings.ports import SYSTEM_MAIL_PORT
from tests.lab import host

NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")


@pytest.fixture(params=["mail1", "mail2"])
def guest(request: pytest.FixtureRequest, deployed: Lab) -> Guest:
    return deployed.targets[str(request.param)]


def as_nobody(guest: Guest, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program there, as the account without rights."""
    return guest.run([*NOBODY, "python3", "-c", program, *arguments], check=False)


# Whatever can be had by being first: names in the kernel, and locks on whatever can be opened; and
# names of processes that read like what programs print, or like no text at all.
SQUATTER = r"""
import ctypes, fcntl, os, socket, sys, time
held = []
for name in ("transactional", "marketing", "inbound", "default"):
    for text in (f"postroad-canary-{name}.service", f"postroad-canary-{name}", f"postroad-{name}"):
        one = socket.socket(socket.AF_UNIX)
        one.bind("\0" + text)
        held.append(one)
locked = []
# As ufw(8) and debconf(7) lock: a reader's lock is enough to keep them waiting.
OTHERS = "ufw.lock", "adduser", "daily_lock", "config.dat", "templates.dat"
OURS = "/var/lib/postroad", "/var/log/postroad", "/etc/postroad"
for top in ("/run", "/var/cache/debconf", "/var/lib/apt", *OURS, "/tmp"):
    for folder, _, names in os.walk(top):
        for name in names:
            place = os.path.join(folder, name)
            if "postroad" not in place and name not in OTHERS or not os.path.isfile(place):
                continue
            try:
                one = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
                fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fcntl.lockf(one, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                continue
            held.append(one)
            locked.append(place)
names = [b"\n1 2 3 x:y", b"\xff\xfe", b"master", b"qmgr", b"\n@@postroad end"]
for name in names:
    one = socket.create_server(("127.0.0.1", 0))
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(15, name, 0, 0, 0)
        time.sleep(600)
        os._exit(0)
print(*locked, flush=True)
time.sleep(600)
"""


@pytest.fixture
def squatters(deployed: Lab) -> Iterator[dict[str, list[str]]]:
    """All that, on every host, for the length of a test; what could be locked, by host."""
    running, locked = [], {}
    for name, one in deployed.targets.items():
        command = one.enter(*NOBODY, "python3", "-c", SQUATTER)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        locked[name] = process.stdout.readline().split()
        running.append(process)
    yield locked
    for one in deployed.targets.values():
        one.run("for p in /proc/[0-9]*; do [ $(stat -c %U $p) != nobody ] ||"
                " kill -9 ${p#/proc/}; done 2>/dev/null; :")  # fmt: skip
    for process in running:
        process.wait()


def test_whoever_is_first_stops_no_run_no_upgrade_and_no_audit(
    squatters: dict[str, list[str]], deployed: Lab
) -> None:
    for name, locked in squatters.items():
        known = ("/run/", "/var/cache/debconf/", "/var/lib/apt/")
        assert [place for place in locked if place.startswith(known)] == [], name
    for one in deployed.targets.values():
        # What a run has to make true again, with a canary; and under what an upgrade left.
        one.run([*NOBODY, "/usr/sbin/sendmail", "root"], input="Subject: waits\n\nfor ever\n")
        one.run("postsuper -h ALL")
        one.run(f"rm {STAMPS}/default {STAMPS}/inbound {STAMPS}/transactional")
        # As a daemon's last words would come that ended before the journal knew its unit.
        one.run([*NOBODY, "logger", "-t", "opendkim", "-p", "mail.err", "a word of nobody's"])
    done = road.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    assert road.plan() == []
    for name, one in deployed.targets.items():
        refreshed = one.run(REFRESH.split(), check=False)
        assert refreshed.returncode == 0, refreshed.stderr
        one.run("postsuper -d ALL")
        assert audit_of(name) == ([], [])


def audit_of(name: str) -> tuple[list[str], list[str]]:
    """What the audit finds wrong there, and what it could not ask."""
    report = here.CLONE / "build" / f"audit-{uuid4().hex}.json"
    words = ("audit", "inventories/lab.py", "-k", name, "--json", str(report))
    subprocess.run(
        [sys.executable, "-m", "postroad", *words],
        cwd=here.CLONE, capture_output=True, check=False,
    )  # fmt: skip
    found = json.loads(report.read_text())
    report.unlink()
    told = [f"{one['check']}: {one['detail']}" for one in found if one["verdict"] == "wrong"]
    return told, [one["check"] for one in found if one["verdict"] == "error"]


ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
from postroad.onhost.refresh.main import alone
with alone():
    pass
"""


def test_a_reboot_opens_no_lock(guest: Guest) -> None:
    """After a boot /run is empty, and an upgrade may be the first that needs a lock there."""
    guest.run("rm -rf /run/postroad /run/ufw.lock /run/adduser; systemd-tmpfiles --create --boot")
    guest.run("ufw status; adduser --system --quiet lab-lock; deluser --system --quiet lab-lock")
    assert guest.run(["stat", "-c", "%a", *LOCKS]).stdout.split() == ["600"] * len(LOCKS)
    guest.run(["python3", "-IBc", ALONE, TOOLS])
    assert guest.run("stat -c %a /run/postroad /run/postroad/run.lock").stdout.split() == [
        "700",
        "600",
    ]


# ---- the places of others

HOLD = """
import socket, sys
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
kept = []
for number in range(count):
    try:
        at = (f"127.0.0.{number % 9 + 1}", 0) if host.startswith("127.") else None
        kept.append(socket.create_connection((host, port), timeout=2, source_address=at))
    except OSError:
        pass
print(len(kept))
"""


CONNECT = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5) as one:
    print(one.recv(100).decode())
"""


def test_nobody_takes_the_places_of_inbound_by_loopback(guest: Guest) -> None:
    """The streams' own reports have no limits there."""
    for address in ("127.0.0.1", guest.ipv4[0]):
        assert as_nobody(guest, HOLD, address, "25", "3").stdout == "0\n", address
    words = ["setpriv", "--reuid=postfix", "--clear-groups", "python3", "-c", HOLD]
    assert guest.run([*words, "127.0.0.1", "25", "1"]).stdout == "1\n"


def test_all_of_a_host_have_the_places_of_one_client(guest: Guest, estate: Estate) -> None:
    limits = estate.stream("transactional").limits
    way = estate.host(guest.name).way_out("transactional")
    (address, *_) = way.addresses
    said = as_nobody(guest, HOLD, str(address), str(way.starttls_port), "70")
    assert int(said.stdout) <= limits.connections_per_client < 70


HELD = (
    HOLD
    + """
sys.stdout.flush()
input()
"""
)


def test_who_takes_all_of_them_keeps_root_from_neither_stream(guest: Guest, estate: Estate) -> None:
    """Whoever does it from the address that others come from as well; the audit asks as root."""
    way = estate.host(guest.name).way_out("transactional")
    (address, *_) = way.addresses
    words = (*NOBODY, "python3", "-c", HELD, str(address), str(way.starttls_port), "70")
    holding = subprocess.Popen(
        guest.enter(*words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holding.stdout
    assert holding.stdin
    try:
        assert int(holding.stdout.readline()) > 1
        for stream in ("transactional", "marketing"):
            door = estate.host(guest.name).way_out(stream)
            where = [str(door.addresses[0]), str(door.starttls_port)]
            greeted = guest.run(["python3", "-c", CONNECT, *where]).stdout
            assert greeted.startswith("220 "), stream
    finally:
        holding.stdin.close()
        holding.wait(10)


@pytest.mark.parametrize("stream", ["transactional", "marketing"])
def test_nobody_reads_which_logins_there_are(guest: Guest, stream: str) -> None:
    for path in (f"/etc/postfix-{stream}/sender_logins", f"/etc/postroad/{stream}/policy.lua"):
        assert guest.run(["cat", path]).stdout
        assert guest.run([*NOBODY, "cat", path], check=False).returncode, path


# ---- the listener that signs for root


SIT = """
import socket, sys
for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, ""), (socket.AF_INET6, "")):
    with socket.socket(family) as one:
        try:
            one.bind((address, int(sys.argv[1])))
        except PermissionError:
            continue
        print(address)
"""


def test_nobody_comes_in_where_roots_mail_does(guest: Guest) -> None:
    said = as_nobody(guest, CONNECT, "127.0.0.1", str(SYSTEM_MAIL_PORT))
    assert "ConnectionRefusedError" in said.stderr, said
    for user in ("root", "postfix"):
        words = ["setpriv", f"--reuid={user}", "--clear-groups", "python3", "-c", CONNECT]
        assert guest.run([*words, "127.0.0.1", str(SYSTEM_MAIL_PORT)]).stdout.startswith("220 ")


def test_nobody_sits_there_while_the_stream_is_down(guest: Guest) -> None:
    """Root's mail would go to him, and the stream would not come back."""
    said = as_nobody(guest, SIT, str(SYSTEM_MAIL_PORT))
    assert (said.returncode, said.stdout) == (0, ""), said


FLOOD = 60
# Of one address in a minute; a flood may meet the end of one minute and the beginning of the next.
PACE = 10


@pytest.fixture
def forgotten(guest: Guest) -> Iterator[None]:
    """What a test has queued goes, and what anvil(8) has counted: it ends at a reload."""
    yield
    guest.run(["postsuper", "-d", "ALL"])
    guest.run(["systemctl", "reload", "postroad-postfix@transactional"])


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("asked", ["-bv x@bigmail.example", "-N success root", "-bv -f root root"])
def test_probes_and_reports_take_none_of_roots_places(
    guest: Guest, deployed: Lab, estate: Estate, asked: str
) -> None:
    """What sendmail(1) can ask for besides sending; reports of it are for whoever called."""
    bigmail = deployed.providers["bigmail"]
    urgent = f"Urgent {uuid4().hex[:12]}"
    flood = f"for n in $(seq {FLOOD}); do echo | /usr/sbin/sendmail {asked}; done"
    guest.run([*NOBODY, "sh", "-c", flood])
    wait_until(lambda: host.queued(guest, "default", "incoming", "active", "maildrop") == 0, 60,
               "every probe tried")  # fmt: skip
    guest.run(["/usr/sbin/sendmail", "root"], input=f"Subject: {urgent}\n\nthe disk is full\n")
    assert bigmail.wait_for(urgent).recipient == estate.admin.email


@pytest.mark.usefixtures("forgotten")
def test_a_flood_is_paced_and_roots_mail_passes_it(
    guest: Guest, deployed: Lab, estate: Estate
) -> None:
    bigmail = deployed.providers["bigmail"]
    flood, urgent = f"Flood {uuid4().hex[:12]}", f"Urgent {uuid4().hex[:12]}"
    since = time.time() - 1
    guest.run(
        [*NOBODY, "sh", "-c", f"for n in $(seq {FLOOD}); do printf 'Received: by x (Postfix, from"
         f" userid 0)\\nSubject: {flood}\\n\\nmore\\n' | /usr/sbin/sendmail -f root root; done"]
    )  # fmt: skip
    guest.run(["/usr/sbin/sendmail", "root"], input=f"Subject: {urgent}\n\nthe disk is full\n")
    assert bigmail.wait_for(urgent).recipient == estate.admin.email
    wait_until(lambda: host.queued(guest, "default", "incoming", "active", "maildrop") == 0, 60,
               "every message tried")  # fmt: skip
    arrived = [one for one in bigmail.messages(since) if one.subject == flood]
    assert 1 <= len(arrived) <= 2 * PACE
    assert host.queued(guest, "default", "deferred") >= FLOOD - 2 * PACE


# ---- the logins


SOCKETS = r"""
import os, socket, stat
for top in ("/run", "/var/run", "/var/spool"):
    for folder, _, names in os.walk(top):
        for name in names:
            place = os.path.join(folder, name)
            if "postroad" not in place:
                continue
            with socket.socket(socket.AF_UNIX) as one:
                try:
                    one.connect(place)
                except OSError:
                    continue
            print(place)
"""

# By its name: a folder that cannot be read may still be passed through.
KNOCK = """
import socket, sys
for name in sys.argv[1:]:
    with socket.socket(socket.AF_UNIX) as one:
        try:
            one.connect(name)
        except OSError:
            continue
        print(name)
"""


@pytest.mark.parametrize("stream", ["transactional", "marketing"])
def test_no_socket_of_the_logins_or_the_signer_is_open(guest: Guest, stream: str) -> None:
    assert as_nobody(guest, SOCKETS).stdout == ""
    bound = guest.run("awk '$8 ~ /^[^@]/ {print $8}' /proc/net/unix").stdout.split()
    names = [name.rpartition("/")[2] for name in bound]
    folders = [f"/run/postroad-auth-{stream}", f"/run/postroad-auth-{stream}/own"]
    guessed = [f"{folder}/{name}" for folder in folders for name in ("auth-userdb", *names)]
    guessed.append(f"/run/postroad-dkim-{stream}/signer.sock")
    assert as_nobody(guest, KNOCK, *guessed).stdout == ""
    ours = guest.run(f"find /run/postroad-auth-{stream} -type s").stdout.split()
    assert ours == [f"/run/postroad-auth-{stream}/postfix"]
