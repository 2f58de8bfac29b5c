"""No secret in argv, logs, diffs, debug output, /tmp or world-readable files.

Every program that a run starts on the host is recorded by the kernel (ptrace(2)), not sampled: an
argument that lives for a millisecond is seen too.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.hosts.guest import Guest, wait_until
from lab.life.session import Lab
from lab.mail import road, shop
from tests.lab.variants import variant

HOST = "mail2"
KEYS = "/etc/postroad/marketing/keys/news.shop.example"


@pytest.fixture
def key(deployed: Lab) -> str:
    """The private key of the marketing stream on the host."""
    return deployed.targets[HOST].run(f"cat {KEYS}/*.pem").stdout


@pytest.fixture
def secrets(deployed: Lab, key: str) -> list[str]:
    """Every secret of the host, as it is and as it travels."""
    users = json.loads(shop.users_file().read_text()).values()
    guest = deployed.targets[HOST]
    tls = guest.read_file("/etc/letsencrypt/live/postroad/privkey.pem")
    travelling = [
        base64.b64encode(guest.read_file(f"/etc/postroad/{stream}/users").encode()).decode()
        for stream in shop.USERS
    ]
    return [
        *(value for user in users for value in (user["password"], user["hash"])),
        key.splitlines()[5],
        # The second line: the last one is the public half, which the certificate has too.
        tls.splitlines()[2],
        # The ends may be padded otherwise; the middle is the secret itself.
        *(text[8:-8] for text in (*travelling, base64.b64encode(key.encode()).decode()[-400:])),
    ]


def found_in(text: str, secrets: list[str]) -> list[int]:
    """Which of the secrets are in ``text``: numbers, so that no report of a test shows one."""
    joined = text.replace("\n", "")
    return [number for number, secret in enumerate(secrets) if secret in joined]


def holding(places: Iterable[Path], secrets: list[str]) -> list[str]:
    """The files among ``places`` that hold a secret."""
    wanted = [secret.encode() for secret in secrets]
    return [
        str(place)
        for place in places
        if place.is_file()
        and not place.is_symlink()
        and any(secret in content(place) for secret in wanted)
    ]


def content(place: Path) -> bytes:
    """What is in a file; nothing in one that has just gone."""
    try:
        return place.read_bytes()
    except FileNotFoundError:
        return b""


def mode(place: Path) -> int:
    """Who may do what with a file; nobody anything with one that has just gone."""
    try:
        return place.lstat().st_mode
    except FileNotFoundError:
        return 0


def logs_and_scratch(guest: Guest) -> Iterator[Path]:
    """Every file of the host's logs, its journal and the folders that are anybody's."""
    for folder in ("var/log", "run/log", "tmp", "var/tmp"):
        yield from (Path(f"/proc/{guest.pid}/root") / folder).rglob("*")


def readable_by_all(guest: Guest) -> Iterator[Path]:
    """What everybody may read of the host; what packages brought and apt keeps is left aside."""
    host = Path(f"/proc/{guest.pid}/root")
    roots = [guest.upper / "usr/local", host / "run"]
    roots += [p for p in guest.upper.iterdir() if p.name not in ("usr", "var")]
    roots += [p for p in (guest.upper / "var").iterdir() if p.name not in ("cache", "lib")]
    roots += [p for p in (guest.upper / "var/lib").iterdir() if p.name not in ("apt", "dpkg")]
    for root in roots:
        yield from (p for p in root.rglob("*") if mode(p) & 0o004)


@contextmanager
def programs_recorded(guest: Guest, record: Path) -> Iterator[None]:
    """Write every program that is started over SSH, with its arguments and environment."""
    pids = _here(guest, guest.run("pgrep -xo sshd").stdout.split())
    tracer = subprocess.Popen(
        ["strace", "-f", "-v", "-s", "1000000", "-e", "trace=execve", "-o", str(record)]
        + [word for pid in pids for word in ("-p", pid)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: all(_is_traced(pid) for pid in pids), 10, "strace on the host")
        yield
    finally:
        tracer.terminate()
        tracer.wait(10)


def _here(guest: Guest, pids: list[str]) -> list[str]:
    """The process ids on this machine of processes of the host."""
    inside = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
            same = os.readlink(status.parent / "ns/pid") == os.readlink(f"/proc/{guest.pid}/ns/pid")
        except OSError:
            continue
        if same:
            inside[lines["NSpid"].split()[-1]] = status.parent.name
    return [inside[pid] for pid in pids]


def _is_traced(pid: str) -> bool:
    return "TracerPid:\t0" not in Path(f"/proc/{pid}/status").read_text()


def test_a_run_that_carries_secrets_shows_none(
    deployed: Lab, key: str, secrets: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = deployed.targets[HOST]
    brought = {
        "host": HOST,
        "stream": "marketing",
        "domain": "news.shop.example",
        "selector": guest.run(f"basename {KEYS}/*.pem .pem").stdout.strip(),
        "key": {"env": "BROUGHT_DKIM_KEY"},
    }
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setenv("BROUGHT_DKIM_KEY", key)
    supplied = variant(tmp_path, {"dkim_keys": [brought]})
    guest.run(f"rm {KEYS}/*.pem; > /etc/postroad/transactional/users")
    record = tmp_path / "programs"
    with programs_recorded(guest, record):
        done = road.pyinfra(
            "-y", "-vvv", "--debug", "--diff", str(supplied.inventory), str(road.DEPLOY)
        )
    assert done.returncode == 0
    assert found_in(done.stdout + done.stderr, secrets) == []
    programs = record.read_text()
    assert "execve(" in programs
    assert found_in(programs, secrets) == []
    assert holding(scratch.rglob("*"), secrets) == []
    assert holding(logs_and_scratch(guest), secrets) == []
    assert holding(readable_by_all(guest), secrets) == []
    assert road.plan("--limit", HOST) == []


def test_the_search_finds_a_secret_that_everybody_may_read(
    deployed: Lab, secrets: list[str]
) -> None:
    guest = deployed.targets[HOST]
    users = "/etc/postroad/marketing/users"
    guest.run(f"chmod 644 {users}")
    try:
        found = holding(readable_by_all(guest), secrets)
    finally:
        guest.run(f"chmod 640 {users}")
    assert [place.removeprefix(str(guest.upper)) for place in found] == [users]
