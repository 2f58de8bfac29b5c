"""Hosts that answer strangely: an answer is one still, silence is none, and one host's stays so."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest

from lab.faults.hosts import RELOAD_ALL, full
from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from lab.mail import letters, road, shop
from tests.lab import mail

INVENTORY = str(road.INVENTORY)
BASHRC = "/root/.bashrc"
Strange = Callable[[Guest], AbstractContextManager[None]]


@pytest.fixture(scope="module", autouse=True)
def published(deployed: Lab) -> None:
    """The names are as the hosts have them: other tests may have given them other keys."""
    road.publish(deployed)


def asked(*words: str) -> subprocess.CompletedProcess[str]:
    done = road.postroad(*words)
    assert "Traceback" not in done.stdout + done.stderr
    return done


@contextmanager
def says(text: str, guest: Guest) -> Iterator[None]:
    """Root's shell does this before it does what it is told."""
    guest.run(f"cp -p {BASHRC} /root/kept && cat > {BASHRC}", input=text)
    try:
        yield
    finally:
        guest.run(f"mv /root/kept {BASHRC}")


@contextmanager
def sshd(line: str, guest: Guest) -> Iterator[None]:
    guest.write_file("/etc/ssh/sshd_config.d/strange.conf", f"{line}\n")
    guest.run("systemctl reload ssh")
    try:
        yield
    finally:
        guest.run("rm /etc/ssh/sshd_config.d/strange.conf; systemctl reload ssh")


@contextmanager
def tcsh(guest: Guest) -> Iterator[None]:
    guest.run("apt-get -q -y install tcsh && usermod -s /bin/tcsh root")
    guest.write_file("/root/.cshrc", "echo hello\nset path = (/bin)\n")
    try:
        yield
    finally:
        guest.run("usermod -s /bin/bash root; rm /root/.cshrc; apt-get -q -y purge tcsh")


NOISE = "echo hello\nprintf 'K\\366ln'\necho '{\"messages\": {}}' >&2\nstty -a\n"
# Each changes what programs say or do, and is nothing that an operator means for ours.
SURROUNDED = (
    "export POSIXLY_CORRECT=1 SYSTEMD_LOG_LEVEL=debug DBUS_SYSTEM_BUS_ADDRESS=bad"
    " DPKG_ROOT=/nowhere PYTHONPATH=/nowhere TMPDIR=/nowhere LANGUAGE=tr LC_MESSAGES=tr_TR.UTF-8\n"
)


@contextmanager
def own_python(guest: Guest) -> Iterator[None]:
    """An operator's own, first in PATH, that has none of Debian's modules."""
    place = "/usr/local/bin/python3"
    guest.write_file(place, '#!/bin/sh\nexec /usr/bin/python3 -S "$@"\n')
    guest.run(f"chmod 755 {place}")
    try:
        yield
    finally:
        guest.run(f"rm {place}")


TALKATIVE: dict[str, Strange] = {
    "~/.bashrc prints": partial(says, NOISE),
    "a daemon of ~/.bashrc keeps the session": partial(says, "sleep 45 &\n"),
    "one session": partial(sshd, "MaxSessions 1"),
    "tcsh": tcsh,
    "an environment of its own": partial(says, SURROUNDED),
    "a Python of its own": own_python,
}


@pytest.mark.parametrize("name", ["mail1", "mail2"])
@pytest.mark.parametrize("strange", TALKATIVE.values(), ids=TALKATIVE.keys())
def test_all_is_answered_whatever_else_is_said(
    strange: Strange, name: str, deployed: Lab, tmp_path: Path
) -> None:
    guest = deployed.targets[name]
    with strange(guest):
        began = time.monotonic()
        assert asked("audit", INVENTORY).returncode == 0
        assert time.monotonic() - began < 30
        assert asked("queue", INVENTORY).returncode == 0
        kept = asked("backup", INVENTORY, str(tmp_path / "kept"))
        assert (kept.returncode, kept.stdout.count("2 DKIM keys")) == (0, 2)
        assert asked("dns", "plan", INVENTORY).returncode == 0
        assert asked("explain", INVENTORY, "nobody@nowhere.example").returncode == 1
        assert road.plan() == []


@pytest.mark.parametrize("name", ["mail1", "mail2"])
def test_a_run_does_its_work_whatever_else_is_said(name: str, deployed: Lab) -> None:
    """Octets that are no UTF-8, a daemon that keeps the session, and an environment, all at once;
    the firewall's fresh connection among them."""
    guest = deployed.targets[name]
    noise = f"printf '\\377\\n'; printf '\\377\\n' >&2; sleep 300 &\n{SURROUNDED}"
    guest.run("echo by-hand >> /etc/mailname; ufw delete allow 25/tcp; echo '#' >> "
              "/etc/ufw/before.rules; systemctl restart unbound")  # fmt: skip
    with says(noise, guest):
        began = time.monotonic()
        done = road.deploy()
        assert time.monotonic() - began < 200
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "Traceback" not in told
    assert "UnicodeDecodeError" not in told
    assert road.plan() == []


STARVED = "ulimit -v {}\n"
# The kernel's own limit, for the login alone (cgroups(7), the pids controller): setrlimit(2) has
# none for root. A shell that gets no process tries again for 15 seconds.
FEW = """
g=/sys/fs/cgroup; [ ! -d $g/pids ] || g=$g/pids
g=$g/few-of-tests; mkdir -p $g; echo {} > $g/pids.max; echo $$ > $g/cgroup.procs
"""
SILENT: dict[str, Strange] = {
    "no process but the shell": partial(says, FEW.format(1)),
    "a process or two": partial(says, FEW.format(4)),
    "processes for half of it": partial(says, FEW.format(9)),
    "no session": partial(sshd, "MaxSessions 0"),
    "no memory": partial(says, STARVED.format(12_000)),
    "memory for half of it": partial(says, STARVED.format(40_000)),
    "no shell": partial(says, "echo This account is not available; exit 1\n"),
    "another program": partial(sshd, "ForceCommand echo '{\"transactional\": 7}'"),
}


@pytest.mark.parametrize("strange", SILENT.values(), ids=SILENT.keys())
def test_what_is_not_answered_is_unknown_and_the_others_are_known(
    strange: Strange, deployed: Lab, tmp_path: Path
) -> None:
    with strange(deployed.targets["mail1"]):
        report = tmp_path / "report.json"
        assert asked("audit", INVENTORY, "--json", str(report)).returncode == 1
        rows = json.loads(report.read_text())
        wrong = [row for row in rows if row["verdict"] in ("wrong", "error")]
        told = [(row["host"], row["check"]) for row in wrong]
        assert told == [("mail1", "reach.the_host_answers")], wrong
        assert {row["verdict"] for row in rows if row["host"] == "mail2"} == {"ok"}

        line = asked("audit", INVENTORY, "--nagios")
        assert line.returncode == 2
        assert line.stdout.startswith("POSTROAD CRITICAL - mail1: reach.the_host_answers: mail1: ")
        assert line.stdout.count("\n") == 1
        assert len(line.stdout) < 1500

        queue = asked("queue", INVENTORY)
        assert queue.returncode == 2
        assert queue.stderr.startswith("mail1: ")
        assert "mail2 marketing" in queue.stdout


@pytest.mark.parametrize("processes", [1, 4, 9])
def test_a_host_that_cannot_fork_says_so_and_a_run_goes_on_without(
    processes: int, deployed: Lab
) -> None:
    with says(FEW.format(processes), deployed.targets["mail2"]):
        queue = asked("queue", INVENTORY)
        run = road.pyinfra("--dry", INVENTORY, str(road.DEPLOY))
    assert queue.returncode == 2
    assert "mail2: " in queue.stderr
    assert "it cannot start programs, for want of processes or memory" in queue.stderr
    assert run.returncode == 1
    assert "Traceback" not in run.stdout + run.stderr
    assert "Not done on mail2; the exit status is 1:\nmail2: " in run.stdout + run.stderr


@contextmanager
def shopkeeper(guest: Guest, password: str) -> Iterator[None]:
    """An account that may become root by su(1), and nothing else."""
    guest.run(
        "useradd --create-home shopkeeper && install -d -o shopkeeper /home/shopkeeper/.ssh &&"
        " install -o shopkeeper -m 600 /root/.ssh/authorized_keys /home/shopkeeper/.ssh/"
        " && chpasswd",
        input=f"root:{password}\n",
    )
    try:
        yield
    finally:
        # sshd's process of the connection may outlive the command that it was for.
        guest.run(
            "usermod -p '*' root; until userdel --remove shopkeeper 2>/dev/null; do sleep 0.1; done"
        )


@pytest.mark.parametrize("name", ["mail1", "mail2"])
def test_a_password_for_su(name: str, deployed: Lab) -> None:
    guest = deployed.targets[name]
    way = ("--limit", name, "--data", "ssh_user=shopkeeper", "--data", "_su_user=root")
    with shopkeeper(guest, "Auf 'geht$s"):
        right = (*way, "--data", "_su_password=Auf 'geht$s")
        assert road.plan(*right) == []
        guest.run("cp -a /etc/mailname /root/mailname; echo drift >> /etc/mailname")
        done = road.deploy(*right)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "drift" not in guest.read_file("/etc/mailname")
        assert "geht" not in done.stdout + done.stderr
        wrong = road.deploy(*way, "--data", "_su_password=wrong")
        none = road.deploy(*way)
    for refused in (wrong, none):
        assert refused.returncode == 1
        assert "su lets nobody in there: write root's password under _su_password" in refused.stderr
        assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("name", ["mail1", "mail2"])
def test_a_queue_that_cannot_be_listed_holds_nothing_up(name: str, deployed: Lab) -> None:
    guest = deployed.targets[name]
    program = guest.run("postconf -h daemon_directory").stdout.strip() + "/showq"
    # One that runs answers for a while yet.
    guest.run(f"chmod 000 {program}; pkill -x showq || :")
    try:
        began = time.monotonic()
        told = asked("audit", INVENTORY, "-k", "queues or logs").stdout
        queue = asked("queue", INVENTORY)
        assert time.monotonic() - began < 90
    finally:
        # master(8) would not try it again for a minute.
        guest.run(f"chmod 755 {program}; {RELOAD_ALL}")
        wait_until(lambda: _lists(guest), 90, "showq")
    assert f"UNKNOWN {name}: queues.no_mail_outlives_its_time: " in told
    assert "showq(8) does not start" in told
    assert queue.returncode == 2
    assert f"{name} marketing: unknown: postqueue says nothing" in queue.stdout
    # What waited for it is not left behind.
    assert guest.run("pgrep -c postqueue || :").stdout.strip() == "0"
    guest.run("for i in transactional marketing inbound; do : > /var/log/postroad/$i.log; done")


def _lists(guest: Guest) -> bool:
    """Whether each instance lists its queue."""
    folders = " ".join(f"/etc/postfix-{name}" for name in ("transactional", "marketing", "inbound"))
    command = f"for f in {folders}; do timeout 5 postqueue -c $f -j || exit 1; done"
    return guest.run(command, check=False).returncode == 0


def test_a_disk_without_inodes_is_full(deployed: Lab) -> None:
    with full("marketing", "inodes", deployed):
        told = asked("audit", INVENTORY, "-k", "disks_have_room").stdout
    assert "the marketing queue's disk has 0 inodes free" in told
    assert "du --inodes" in told


def test_no_reachable_host_proves_nothing(deployed: Lab) -> None:
    guests = list(deployed.targets.values())
    for guest in guests:
        guest.run("systemctl stop ssh.socket ssh.service 2>/dev/null; true")
    try:
        said = asked("explain", INVENTORY, "nobody@nowhere.example")
        audit = asked("audit", INVENTORY)
    finally:
        for guest in guests:
            guest.run("systemctl start ssh.service")
    assert said.returncode == 2
    assert said.stdout == "nothing is known of nobody@nowhere.example: no host could be asked\n"
    assert said.stderr.count("no connection") == 2
    assert audit.stdout.count("UNKNOWN mail1: ") == 1
    assert "SKIPPED" not in audit.stdout


# ---- what became of a message


@pytest.mark.parametrize("name", ["mail1", "mail2"])
def test_a_refused_message_is_explained_by_the_signer_s_own_words(name: str, deployed: Lab) -> None:
    letter = letters.receipt(deployed.providers["bigmail"].address("alice"))
    letter.message._headers.append(("From", "third@shop.example"))  # type: ignore[attr-defined]
    reply = mail.offer(deployed, name, letter, shop.password(shop.USERS["transactional"]))
    assert reply.code == 550
    told = asked("explain", INVENTORY, str(letter.message["Message-ID"])).stdout
    assert ": refused: more than one From: header\n" in told
    assert "no delivery was tried yet" not in told


@pytest.mark.parametrize("name", ["mail1", "mail2"])
def test_a_login_that_failed_is_explained(name: str, deployed: Lab) -> None:
    letter = letters.receipt(deployed.providers["bigmail"].address("alice"))
    assert mail.offer(deployed, name, letter, "not the password").code == 535
    told = asked("explain", INVENTORY, shop.USERS["transactional"]).stdout
    assert f"{name} transactional: not logged in\n" in told
    assert "Password mismatch" in told


@pytest.mark.parametrize("name", ["mail1", "mail2"])
def test_a_message_that_was_held_or_taken_out_by_hand_does_not_wait(
    name: str, deployed: Lab
) -> None:
    guest = deployed.targets[name]
    letter = mail.hand_in(deployed, name, "transactional", to="defer")
    what = str(letter.message["Message-ID"])
    guest.run("postsuper -c /etc/postfix-transactional -h ALL")
    assert ": on hold: " in asked("explain", INVENTORY, what).stdout
    guest.run("postsuper -c /etc/postfix-transactional -d ALL")
    assert ": taken out of the queue by hand" in asked("explain", INVENTORY, what).stdout
