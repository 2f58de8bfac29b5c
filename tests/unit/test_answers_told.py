"""Where an answer cannot be told, and what may not stand beside it: one line, and a status."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from postroad.commands import backup, cli
from tests.unit import interrupts
from tests.unit.first_repository import (
    CLONE,
    DEPLOY,
    ESTATE,
    HOSTS,
    changed,
    postroad,
    pyinfra,
    refusing,
    said,
    written,
)

FULL = Path("/dev/full")
NO_SPACE = "No space left on device"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Its hosts refuse connections at once."""
    refusing(written(tmp_path))
    (tmp_path / "inventories" / "known_hosts").touch()
    return tmp_path


# ---- full disks and closed streams


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("--help", 2),
        ("queue --help", 2),
        (f"settings check {HOSTS}", 2),
        (f"queue {HOSTS}", 2),
        (f"audit {HOSTS}", 2),
        (f"audit --nagios {HOSTS}", 3),
        (f"audit --json - {HOSTS}", 2),
    ],
)
def test_a_full_disk_behind_standard_output(words: str, status: int, shop: Path) -> None:
    with FULL.open("w") as full:
        done = postroad(shop, *words.split(), stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == status
    told = said(done)
    assert told.count(f"standard output: {NO_SPACE}") == 1
    assert "Exception ignored" not in told


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (f"audit --json {FULL} {HOSTS}", 1),
        (f"audit --junit {FULL} {HOSTS}", 1),
        (f"audit --nagios --json {FULL} {HOSTS}", 2),
        (f"queue --json {FULL} {HOSTS}", 2),
    ],
)
def test_a_full_disk_behind_a_report(words: str, status: int, shop: Path) -> None:
    """The verdict on the hosts stays what it is: they do not answer."""
    done = postroad(shop, *words.split())
    assert done.returncode == status
    assert said(done).count(f"{FULL}: cannot be written: {NO_SPACE}") == 1
    assert len(said(done).splitlines()) < 60


@pytest.mark.parametrize(
    ("words", "closed", "status", "told"),
    [
        ("--help", 1, 2, "standard output is closed"),
        (f"queue {HOSTS}", 1, 2, "standard output is closed"),
        (f"audit {HOSTS}", 1, 2, "standard output is closed"),
        ("secret hash", 0, 1, "an empty password"),
        ("init new", 0, 2, "no answer"),
        (f"settings check {HOSTS}", 2, 0, ""),
        (f"queue {HOSTS}", 2, 2, ""),
    ],
)
def test_a_closed_stream(words: str, closed: int, status: int, told: str, shop: Path) -> None:
    call = f'exec "$0" -m postroad {words} {closed}{"<" if closed == 0 else ">"}&-'
    done = subprocess.run(
        ["/bin/sh", "-c", call, sys.executable],
        cwd=shop,
        env={**os.environ, "PYTHONPATH": str(CLONE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status
    assert told in said(done)


def test_a_name_that_is_too_long(shop: Path) -> None:
    long = "x" * 300
    for words in (["init", long], ["queue", HOSTS, "--json", long], ["settings", "check", long]):
        done = postroad(shop, *words)
        assert done.returncode == 2
        assert "File name too long" in said(done) or "no such inventory" in said(done)


# ---- what the operator's files print


@pytest.mark.parametrize(
    "noise", ['print("noise")', 'import os; os.system("echo noise")'], ids=["print", "program"]
)
@pytest.mark.parametrize("file", [HOSTS, ESTATE])
def test_what_the_operators_files_print_is_no_part_of_an_answer(
    file: str, noise: str, shop: Path
) -> None:
    (shop / file).write_text(f"{(shop / file).read_text()}\n{noise}\n")
    for words in (["queue", "--json", "-"], ["audit", "--json", "-"], ["audit", "--nagios"]):
        done = postroad(shop, *words, HOSTS)
        assert "noise" not in done.stdout
        assert done.stdout.startswith("POSTROAD" if "--nagios" in words else ("[", "{"))
    assert "noise" in done.stderr


# ---- Ctrl-C


@pytest.mark.parametrize(
    ("options", "status", "out", "err"),
    [
        ([], 130, "", "interrupted\n"),
        (["--nagios"], 3, "POSTROAD UNKNOWN - interrupted\n", ""),
        (["--json", "-"], 130, "", "interrupted\n"),
    ],
)
def test_an_audit_that_is_interrupted(
    options: list[str], status: int, out: str, err: str, tmp_path: Path
) -> None:
    shop = written(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        for host in ("192.0.2.11", "192.0.2.21"):
            port = server.getsockname()[1]
            changed(shop, HOSTS, f'"{host}"', f'"127.0.0.1", "ssh_port": {port}')
        (shop / "inventories" / "known_hosts").touch()
        asking = subprocess.Popen(
            [sys.executable, "-m", "postroad", "audit", *options, HOSTS],
            cwd=shop,
            env={**os.environ, "PYTHONPATH": str(CLONE)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=interrupts.heeded,
        )
        with server.accept()[0] as connection:
            # It has sent its greeting, and waits for one that never comes.
            assert connection.recv(4) == b"SSH-"
            asking.send_signal(signal.SIGINT)
            shown = asking.communicate()
    assert (asking.returncode, *shown) == (status, out, err)


def test_a_command_that_is_interrupted_in_a_thread(tmp_path: Path) -> None:
    """As paramiko's are: Python would tell the thread's frames, and the command would go on."""
    script = """
import threading
from postroad.commands import cli

def interrupted():
    raise KeyboardInterrupt

def run(words):
    thread = threading.Thread(target=interrupted)
    thread.start()
    thread.join()
    return 0

cli._run = run
raise SystemExit(cli.main([]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CLONE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


# ---- inventories that end in silence


@pytest.mark.parametrize("file", [HOSTS, ESTATE])
def test_a_file_that_ends_python(file: str, shop: Path) -> None:
    (shop / file).write_text(f"import sys\nsys.exit(0)\n{(shop / file).read_text()}")
    told = f"{file}: line 2: ends Python (sys.exit); take that out"
    checked = postroad(shop, "settings", "check", HOSTS)
    assert (checked.returncode, told in said(checked)) == (2, True)
    run = pyinfra(shop, "--dry", HOSTS, DEPLOY)
    assert (run.returncode, told in said(run)) == (1, True)


def test_an_inventory_with_an_empty_list(shop: Path) -> None:
    (shop / HOSTS).write_text("mail = []\n")
    run = pyinfra(shop, "--dry", HOSTS, DEPLOY)
    assert run.returncode == 1
    assert f"{HOSTS}: names no host; write mail = [...]" in said(run)


def test_a_list_that_is_filled_later_names_hosts(shop: Path) -> None:
    (shop / HOSTS).write_text('mail = []\nmail += [("mail1", {}), ("mail2", {})]\n')
    assert postroad(shop, "settings", "check", HOSTS).returncode == 0
    assert "names no host" not in said(pyinfra(shop, "--dry", HOSTS, DEPLOY))


# ---- backups of nobody


def test_a_backup_of_nobody_leaves_no_folder(shop: Path) -> None:
    done = postroad(shop, "backup", HOSTS, "new/deep/b")
    assert done.returncode == 2
    assert "mail1: no connection" in said(done)
    assert not (shop / "new").exists()


def test_a_folder_that_can_be_made_is_fit(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert backup.unfit(tmp_path / "new" / "deep") == ""
    assert backup.unfit(Path("new/deep")) == ""
    assert "is no folder" in backup.unfit(tmp_path / "file" / "deep")
    assert "File name too long" in backup.unfit(tmp_path / ("x" * 300))


# ---- passwords that are no text


def test_a_password_that_nobody_types(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def end(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", end)
    assert cli.main(["secret", "hash"]) == 1
    assert capsys.readouterr().err == "no password was typed: nothing hashed\n"


@pytest.mark.parametrize("locale", ["C.UTF-8", "C", "POSIX"])
def test_a_password_that_is_no_text(locale: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "postroad", "secret", "hash"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CLONE), "LC_ALL": locale},
        input=b"caf\xff\n",
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"the password is no UTF-8 text: nothing hashed")
    assert done.stderr.count(b"\n") == 1
