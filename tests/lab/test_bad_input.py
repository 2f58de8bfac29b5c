"""What is wrong with a host or an estate is told before the first change, with the mend.

Every test leaves a drift on the host that a run would mend: where it is still there, nothing was
changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.hosts.guest import Guest
from lab.life.session import Lab
from lab.mail import road
from tests.lab.variants import variant

DRIFT = "/etc/mailname"
PROBE = "mx.bigmail.example"


@pytest.fixture
def host(deployed: Lab) -> Iterator[Guest]:
    """mail1, with something for a run to mend."""
    guest = deployed.targets["mail1"]
    guest.run(f"cp -a {DRIFT} /root/mailname; echo drift >> {DRIFT}")
    yield guest
    guest.run(f"mv /root/mailname {DRIFT}")
    assert road.plan("--limit", "mail1") == []


def is_untouched(guest: Guest) -> bool:
    return "drift" in guest.read_file(DRIFT)


@contextmanager
def changed(guest: Guest, shell: str, back: str) -> Iterator[None]:
    """The host as ``shell`` makes it, until ``back`` is run."""
    guest.run(shell)
    try:
        yield
    finally:
        guest.run(back)


@contextmanager
def shim(guest: Guest, program: str, script: str) -> Iterator[None]:
    """A program of the host that says something else than it does."""
    place = f"/usr/local/bin/{program}"
    guest.write_file(place, f"#!/bin/sh\n{script}\n", "0755")
    try:
        yield
    finally:
        guest.run(["rm", place])


def run(*options: str) -> tuple[int, str]:
    """The exit status of a deploy to mail1, and all that it said, in one line."""
    done = road.deploy("--limit", "mail1", *options)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_mail_that_another_server_has_queued_is_not_left_behind(host: Guest) -> None:
    queue = "/var/spool/exim4/input"
    with changed(
        host,
        f"mkdir -p {queue} && touch {queue}/1tEx-0-H {queue}/1tEx-0-D",
        "rm -r /var/spool/exim4",
    ):
        status, said = run()
        assert status != 0
        assert "Exim still has 1 message in its own queue, which nobody would send any more" in said
        assert "have it emptied (`exim4 -qff`) or remove what is in it, then run again" in said
        assert is_untouched(host)


def test_a_host_that_would_be_spoilt_is_left_alone_with_every_reason(host: Guest) -> None:
    address = host.ipv4[2]
    with (
        changed(
            host,
            "mv /etc/os-release /etc/os-release.aside;"
            " printf 'ID=debian\\nVERSION_ID=10\\n' > /etc/os-release",
            "mv /etc/os-release.aside /etc/os-release",
        ),
        changed(
            host,
            f"ip address delete {address}/24 dev eth0",
            f"ip address add {address}/24 dev eth0",
        ),
        # A container has the machine's clock and disk, so what the host says of them is changed.
        shim(host, "date", 'exec /usr/bin/date -d "+5 minutes" "$@"'),
        shim(host, "df", 'printf "head\\nvar 1 1 51200 1 /var\\n"'),
    ):
        status, said = run()
    assert status != 0
    assert "mail1 is left as it is:" in said
    assert "it runs debian 10, which postroad does not know: use one of debian 12, 13" in said
    assert f"marketing is to send from {address}, which is not on the host" in said
    assert "s ahead of this machine's: set it (timedatectl" in said
    assert "/var has 50 MiB free: make room" in said
    assert is_untouched(host)


def test_a_login_that_is_not_root_is_told_so(host: Guest) -> None:
    with changed(
        host,
        "useradd --create-home shopkeeper && install -d -o shopkeeper /home/shopkeeper/.ssh &&"
        " install -o shopkeeper -m 600 /root/.ssh/authorized_keys /home/shopkeeper/.ssh/",
        # sshd's process of the connection may outlive the command that it was for.
        "until userdel --remove shopkeeper 2>/dev/null; do sleep 0.1; done",
    ):
        status, said = run("--data", "ssh_user=shopkeeper")
    assert status != 0
    assert "the connection is not root's: log in as root, or set _sudo = True" in said
    assert is_untouched(host)


def test_a_silent_host_is_named_and_the_others_are_converged(deployed: Lab, host: Guest) -> None:
    silent = deployed.targets["mail2"]
    sshd = "ssh.socket ssh.service"
    with changed(silent, f"systemctl stop {sshd}", "systemctl start ssh.service"):
        done = road.deploy()
    silent.wait_for_ssh()
    assert done.returncode != 0
    assert "[mail2]" in done.stderr
    assert "onnect" in done.stderr
    assert not is_untouched(host)


def test_port_25_shut_outward_is_told_once_before_the_installation(host: Guest) -> None:
    """Asked where Postfix is not installed yet; the answer is a warning, since mail can wait."""
    warning = f"port 25 of {PROBE} cannot be reached, so mail will wait in the queue"
    rule = "OUTPUT -p tcp --dport 25 -j ACCEPT"
    with shim(host, "dpkg-query", "/usr/bin/dpkg-query \"$@\" | grep -v '^postfix|'"):
        # The host's own firewall is what shuts the port to everybody but Postfix.
        shut = road.pyinfra("--dry", "--limit", "mail1", str(road.INVENTORY), str(road.DEPLOY))
        with changed(
            host,
            f"iptables -I {rule}; ip6tables -I {rule}",
            f"iptables -D {rule}; ip6tables -D {rule}",
        ):
            opened = road.pyinfra(
                "--dry", "--limit", "mail1", str(road.INVENTORY), str(road.DEPLOY)
            )
    assert (shut.returncode, opened.returncode) == (0, 0)
    assert warning in " ".join(shut.stderr.split())
    assert warning not in " ".join(opened.stderr.split())
    assert is_untouched(host)


def test_every_fault_of_an_estate_is_listed_before_any_host_is_asked(
    deployed: Lab, tmp_path: Path
) -> None:
    guest = deployed.targets["mail2"]
    faulty = variant(
        tmp_path,
        {
            "record_tll": 60,
            "admin": {"email": "nobody", "networks": ["10.0.0.0/99"]},
            "log_days": -1,
        },
    )
    with changed(guest, f"cp -a {DRIFT} /root/mailname; echo drift >> {DRIFT}", "true"):
        done = faulty.deploy()
        untouched = is_untouched(guest)
        guest.run(f"mv /root/mailname {DRIFT}")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    for key in ('["record_tll"]', '["admin"]["email"]', '["admin"]["networks"]', '["log_days"]'):
        assert f"group_data/variant.py: estate{key}" in said
    assert "record_ttl" in said, "the nearest right key"
    assert "Traceback" not in said
    assert untouched
