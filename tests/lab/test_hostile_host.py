"""What a hostile host says reaches the operator's terminal as something to read, not to obey."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.hosts import here
from lab.hosts.guest import Guest
from lab.life.session import Lab
from lab.mail import road, shop
from postroad.roles.run.inventory import load

HOSTILE = "\x1b[2J\x1b]0;owned\x07\u009b31m\u202e\u200b"
SHOWN = "\\x1b[2J\\x1b]0;owned\\x07\\x9b31m\\u202e\\u200b"
QUEUE_ID = "4zzzzz0zzzzzzzz"
LOGGED = (
    f"Jan  1 00:00:00 mail1 postfix-transactional/qmgr[1]: {QUEUE_ID}: from=<a@b.example>, size=1\n"
    f"Jan  1 00:00:00 mail1 postfix-transactional/smtp[1]: {QUEUE_ID}: to=<x@y.example>, "
    f"relay=none, delay=1, delays=0/0/0/1, dsn=4.0.0, status=deferred ({HOSTILE})\n"
)
LOG = "/var/log/postroad/transactional.log"
# First in the path of whoever asks for versions, as a hostile host would have it.
LIAR = "/usr/local/sbin/dovecot"


@pytest.fixture(params=["mail1", "mail2"])
def hostile(request: pytest.FixtureRequest, deployed: Lab) -> Iterator[Guest]:
    guest = deployed.targets[str(request.param)]
    guest.run(f"cp -p {LOG} /root/log && cat >> {LOG}", input=LOGGED)
    guest.write_file(LIAR, f"#!/bin/sh\nprintf '%s\\n' '2.3.0 {HOSTILE}'\n", "0755")
    yield guest
    guest.run(f"rm {LIAR}; cat /root/log > {LOG}; rm /root/log")


def obeyed(said: str) -> list[str]:
    """The characters that a terminal would obey or hide."""
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return [ascii(c) for c in said if c != "\n" and unicodedata.category(c) in kinds]


def test_the_log_of_a_message_is_shown(hostile: Guest) -> None:
    words = ("explain", str(road.INVENTORY), QUEUE_ID)
    done = subprocess.run(
        [sys.executable, "-m", "postroad", *words],
        cwd=here.CLONE, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert SHOWN in done.stdout
    assert obeyed(done.stdout + done.stderr) == []


def test_a_run_shows_what_a_host_answers(hostile: Guest) -> None:
    said = road.pyinfra("--dry", "-vvv", "--debug", str(road.INVENTORY), str(road.DEPLOY))
    assert SHOWN in said.stderr
    assert obeyed(said.stdout + said.stderr) == []


def test_no_verbosity_tells_the_hashes_of_passwords(deployed: Lab) -> None:
    """What stands in group_data pyinfra prints by itself."""
    estate = load(here.CLONE / road.INVENTORY).estate
    hashes = [h for stream in estate.streams for user in stream.users for h in user.password_hashes]
    assert len(hashes) == len(shop.USERS)
    for words in (
        ("--dry", "--debug", str(road.INVENTORY), str(road.DEPLOY)),
        ("--dry", "--debug-all", "-vvv", str(road.INVENTORY), str(road.DEPLOY)),
        ("--debug", str(road.INVENTORY), "debug-inventory"),
        ("--json", str(road.INVENTORY), "debug-inventory"),
    ):
        done = road.pyinfra(*words)
        assert done.returncode == 0, done.stderr
        assert [one for one in hashes if one in done.stdout + done.stderr] == [], words


# Greets as no SSH server does, and prints the port where it does.
NO_SERVER = f"""
import socketserver
class Greeting(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write({f"SSH-1.5{HOSTILE}-x".encode()!r} + b"\\r\\n")
with socketserver.TCPServer(("127.0.0.1", 0), Greeting) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Path]:
    """An inventory whose host speaks no SSH."""
    words = [sys.executable, "-c", NO_SERVER]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        place = tmp_path / "stranger.py"
        place.write_text(f"mail = [('127.0.0.1', {{'ssh_port': {port}}})]\n")
        yield place
        server.kill()


def test_what_is_no_host_at_all_is_shown(inventory: Path) -> None:
    """Said by pyinfra and by paramiko, before any of our deploys is read."""
    done = road.pyinfra("-y", str(inventory), "exec", "--", "true")
    assert done.returncode != 0
    assert SHOWN in done.stdout + done.stderr
    assert obeyed(done.stdout + done.stderr) == []
