"""`vagrant up --provider=lxc` from nothing: a bare box becomes a test MTA, and goes without trace.

The box's user is not root: everything here is done by one who may sudo.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

import dkim
import pytest

from lab.hosts import here, packages
from lab.hosts.guest import wait_until
from lab.hosts.shell import run
from lab.mail import vagrant
from postroad.host.paths import SINK
from postroad.settings.ports import SINK_PORT

INVENTORY = "inventories/vagrant.py"
DEPLOY = "deploys/mailserver.py"
LXC_NET = "/usr/libexec/lxc/lxc-net"
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
BRIDGE = Path("/sys/class/net/lxcbr0")
CONTAINERS = Path("/var/lib/lxc")
PUBLIC_KEY = (
    "openssl pkey -in /etc/postroad/transactional/keys/shop.example/{selector}.pem"
    " -pubout -outform DER | base64 -w0"
)
# bash(1): /dev/tcp. As the user that Postfix's smtp(8) runs as; 1 s is enough on a bridge.
DIAL = "sudo -u postfix timeout 5 bash -c '</dev/tcp/{address}/{port}' 2>&1 && echo open"


@dataclass(frozen=True)
class Box:
    """The box that is up: its address, and how Vagrant's ssh(1) gets there."""

    address: str
    ssh_config: Path
    said: str

    def run(self, command: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Run a command as root, by sudo, as `vagrant ssh -c 'sudo …'` does."""
        words = ["ssh", "-F", str(self.ssh_config), vagrant.MACHINE, "sudo", "sh", "-s"]
        return subprocess.run(words, input=command.encode(), capture_output=True, check=check)

    def sunk(self, what: str) -> list[bytes]:
        """The files of the sink that hold *what*."""
        found = self.run(f"grep -rlF '{what}' {SINK}", check=False).stdout.decode().split()
        return [self.run(f"cat {place}").stdout for place in found]


def call(*words: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
    """A command in the checkout, as a person would give it there."""
    return subprocess.run(
        words,
        cwd=here.CLONE,
        env={**os.environ, "PYINFRA_PROGRESS": "off", "PYTHONPATH": str(here.CLONE)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


def succeed(*words: str) -> str:
    """As `call`; what it said. AssertionError where it fails."""
    done = call(*words)
    assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}"
    return done.stdout


@contextmanager
def bridged() -> Iterator[None]:
    """lxc-net's bridge: left as it is where it is up, else up for as long as this lasts."""
    if BRIDGE.exists():
        yield
        return
    before = FORWARDING.read_text()
    run([LXC_NET, "start"])
    try:
        yield
    finally:
        run([LXC_NET, "stop"])
        FORWARDING.write_text(before)
    assert not BRIDGE.exists()


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """`script/vagrant-box` and `vagrant up`, with homes of their own; destroyed afterwards."""
    packages.ensure(packages.VAGRANT)
    home = tmp_path_factory.mktemp("vagrant")
    before = set(CONTAINERS.iterdir())
    with pytest.MonkeyPatch.context() as patch, bridged():
        patch.setenv("VAGRANT_HOME", str(home / "home"))
        patch.setenv("VAGRANT_DOTFILE_PATH", str(home / "machines"))
        succeed("script/vagrant-box", "bookworm")
        try:
            said = succeed("vagrant", "up", "--provider=lxc")
            config = home / "ssh_config"
            config.write_text(succeed("vagrant", "ssh-config", vagrant.MACHINE))
            found = re.search(r"HostName (\S+)", config.read_text())
            assert found is not None
            yield Box(found[1], config, said)
        finally:
            call("vagrant", "destroy", "--force")
        assert "not created" in succeed("vagrant", "status")
        assert set(CONTAINERS.iterdir()) == before
        assert list((home / "machines").rglob("known_hosts")) == []
    shutil.rmtree(home)


def submit(box: Box, subject: str, recipient: str = "jane@example.com") -> None:
    """As the developer's application: TLS that is verified, the login, the return path."""
    message = EmailMessage()
    message["From"] = "Shop <orders@shop.example>"
    message["To"] = recipient
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain="shop.example")
    message.set_content("Thank you for your order.\n")
    password = json.loads(vagrant.USERS_FILE.read_text())["shop"]["password"]
    trust = ssl.create_default_context(cafile=str(vagrant.CHAIN_FILE))
    with smtplib.SMTP_SSL(box.address, 465, context=trust, timeout=30) as smtp:
        smtp.login("shop", password)
        smtp.send_message(message, from_addr="bounce@bounce.shop.example")


def received(box: Box, subject: str) -> bytes:
    """The one message with this subject, as it would have left."""
    wait_until(lambda: bool(box.sunk(subject)), 60, f"{subject!r} in the sink")
    (raw,) = box.sunk(subject)
    return raw


def plan(*options: str) -> list[object]:
    """What a dry run would change."""
    pyinfra = (sys.executable, "-m", "pyinfra", "--dry", "--json", *options, INVENTORY, DEPLOY)
    done = subprocess.run(
        pyinfra,
        cwd=here.CLONE,
        env={**os.environ, "PYINFRA_PROGRESS": "off"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    entries = json.loads(done.stdout)["plan"]
    return [e for e in entries if e["hosts_with_change"] or e["hosts_with_conditional_change"]]


def test_a_message_is_in_the_sink_signed_by_the_box(box: Box) -> None:
    submit(box, "a signed receipt")
    raw = received(box, "a signed receipt")
    assert b"X-Mail-Args: <bounce@bounce.shop.example>" in raw
    assert b"X-Rcpt-Args: <jane@example.com>" in raw
    assert b"X-Helo-Args: mta.shop.example" in raw
    assert f"X-Client-Addr: {box.address}".encode() in raw
    found = re.search(rb"DKIM-Signature:(?:[^\n]|\n\s)*?\bs=([\w-]+);", raw)
    assert found is not None
    key = box.run(PUBLIC_KEY.format(selector=found[1].decode())).stdout

    def record(name: bytes, timeout: int = 5) -> bytes:
        assert name == found[1] + b"._domainkey.shop.example."
        return b"v=DKIM1; k=rsa; p=" + key

    assert dkim.verify(raw, dnsfunc=record)
    assert not dkim.verify(raw.replace(b"Thank you", b"Thank me"), dnsfunc=record)


def test_the_run_says_how_the_box_is_used_and_what_was_waived(box: Box) -> None:
    assert f"port 587 (STARTTLS) or 465 (TLS) of {box.address}" in box.said
    assert "Waived: port 25 outward (no mail leaves the box)" in box.said
    assert "build/vagrant/users.json" in box.said
    passwords = json.loads(vagrant.USERS_FILE.read_text()).values()
    assert not any(user["password"] in box.said for user in passwords)


def test_a_second_run_is_empty_and_a_provision_changes_nothing(box: Box) -> None:
    assert plan() == []
    again = succeed("vagrant", "provision")
    (total,) = re.findall(r"Grand total\s+(\d+)\s+(\S+)\s+(\S+)\s+(\d+)", again)
    assert total[1:3] == ("-", "-")
    assert total[0] == total[3]


def test_what_an_operator_asks_is_answered_to_one_who_may_sudo(box: Box, tmp_path: Path) -> None:
    submit(box, "an explained receipt", "explained@example.com")
    received(box, "an explained receipt")
    postroad = (sys.executable, "-m", "postroad")
    assert "nothing waits" in succeed(*postroad, "queue", INVENTORY)
    assert "nothing would change" in succeed(*postroad, "diff", INVENTORY)
    assert "nothing in the way" in succeed(*postroad, "survey", INVENTORY)
    story = succeed(*postroad, "explain", INVENTORY, "explained@example.com")
    assert "<explained@example.com>: delivered to 127.0.0.1" in story
    assert "2 DKIM keys" in succeed(*postroad, "backup", INVENTORY, str(tmp_path / "kept"))
    stop = ("--data", "stream=marketing", "--data")
    pause = (sys.executable, "-m", "pyinfra", "-y", INVENTORY, "deploys/pause.py", *stop)
    succeed(*pause, "do=stop")
    succeed(*pause, "do=resume")
    assert plan() == []


def audit(*options: str) -> tuple[int, str, list[dict[str, str]]]:
    """`postroad audit`: its status, words and verdicts."""
    report = here.CLONE / "build" / "vagrant" / "audit.json"
    words = (sys.executable, "-m", "postroad", "audit", INVENTORY, "--json", str(report), *options)
    done = call(*words)
    return done.returncode, done.stdout, json.loads(report.read_text())


def waived(said: str) -> set[str]:
    """The checks that an audit lists as waived."""
    listed = re.findall(r"^WAIVED [^:]+: ([\w., ]+): ", said, re.MULTILINE)
    return {check for checks in listed for check in checks.split(", ")}


def test_the_audit_is_green_and_lists_what_is_waived(box: Box) -> None:
    status, said, results = audit()
    assert status == 0, said
    verdicts = {result["check"]: result["verdict"] for result in results}
    assert waived(said) == {check for check, verdict in verdicts.items() if verdict == "waived"}
    assert set(verdicts.values()) <= {"ok", "waived"}, said
    assert verdicts["signing.signatures_verify"] == "ok"
    assert verdicts["firewall.only_postfix_reaches_port_25"] == "ok"
    assert {name.partition(".")[0] for name in waived(said)} == {"dns", "names", "resolver"}
    succeed(sys.executable, "-m", "pytest", "-q", "tests/server", "--inventory", INVENTORY)


@contextmanager
def listening(port: int) -> Iterator[None]:
    """Something that takes connections on this machine's side of the bridge."""
    with socket.create_server(("10.0.3.1", port)) as server:
        server.settimeout(0)
        yield
        with suppress(BlockingIOError):
            server.accept()


def test_nothing_leaves_by_port_25_not_even_as_postfix(box: Box) -> None:
    with listening(25), listening(2525):
        dial = [DIAL.format(address="10.0.3.1", port=port) for port in (2525, 25)]
        assert b"open" in box.run(dial[0], check=False).stdout
        assert b"open" not in box.run(dial[1], check=False).stdout
        # Without the rule it would be open, and the audit says so.
        box.run("iptables -I ufw-before-output 2 -p tcp --dport 25 -j ACCEPT")
        assert b"open" in box.run(dial[1], check=False).stdout
        status, said, _ = audit("-k", "port_25")
        assert status == 1
        assert "IPv4: Postfix may connect to port 25 elsewhere from this lone box" in said
        box.run("ufw reload")
        assert b"open" not in box.run(dial[1], check=False).stdout
    assert plan() == []


def test_mail_waits_while_the_sink_is_down_and_goes_nowhere_else(box: Box) -> None:
    box.run("systemctl stop postroad-sink.service")
    submit(box, "a receipt that waits")
    queued = "postqueue -c /etc/postfix-transactional -j"
    wait_until(lambda: b"delay_reason" in box.run(queued).stdout, 60, "a deferred message")
    assert (
        f"connect to 127.0.0.1[127.0.0.1]:{SINK_PORT}: Connection refused".encode()
        in box.run(queued).stdout
    )
    _, said, _ = audit("-k", "units or listeners")
    assert "postroad-sink.service is inactive, not active" in said
    assert f"nothing listens on 127.0.0.1 port {SINK_PORT} (the sink of a lone box)" in said
    succeed(sys.executable, "-m", "pyinfra", "-y", INVENTORY, DEPLOY)
    box.run("postqueue -c /etc/postfix-transactional -f")
    received(box, "a receipt that waits")
    assert plan() == []


def test_a_box_whose_host_key_changes_while_it_is_up_is_a_stranger(box: Box) -> None:
    (known,) = (Path(os.environ["VAGRANT_DOTFILE_PATH"])).rglob("known_hosts")
    before = known.read_text()
    assert box.address in before
    known.write_text(before.replace(before.split()[2], before.split()[2][:-8] + "AAAAAAAA"))
    try:
        done = call(sys.executable, "-m", "pyinfra", "--dry", INVENTORY, DEPLOY)
        assert done.returncode != 0
        assert "host key" in done.stdout.lower()
    finally:
        known.write_text(before)
