"""A newcomer's mistakes, and what the answer to each must name: file, line or key, and mend.

The estate is the shipped example. One mistake is one fault: what only follows from it is not told.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from shutil import copytree
from typing import NamedTuple

import pytest

from postroad.commands import cli
from tests.unit import interrupts

CLONE = Path(__file__).parents[2]
HOSTS = "inventories/prod.py"
ESTATE = "group_data/prod.py"
DEPLOY = "deploys/mailserver.py"


class Mistake(NamedTuple):
    """What is written in place of ``right``, and what the one line of the answer must hold."""

    file: str
    right: str
    wrong: str
    told: tuple[str, ...]
    status: int = 1


def estate(right: str, wrong: str, *told: str) -> Mistake:
    """A fault of the estate: named by its key."""
    return Mistake(ESTATE, right, wrong, (f"{ESTATE}: ", *told))


def unrun(file: str, right: str, wrong: str, *told: str) -> Mistake:
    """A file that Python cannot run: named by its line."""
    return Mistake(file, right, wrong, told, status=2)


MAIL1 = '("mail1", {"ssh_hostname": "192.0.2.11"}),'
NEWS = '"from_domains": ["news.shop.example"],'
MISTAKES = {
    # Python's own, in either file
    "a comma forgotten": unrun(
        ESTATE, '"ops@shop.example",', '"ops@shop.example"', f"{ESTATE}: line 14: ", "a comma"
    ),
    "a bracket not closed": unrun(
        ESTATE, "estate = {", "estate = {{", f"{ESTATE}: line 10: ", "a bracket is missing"
    ),
    "a quote not closed": unrun(
        ESTATE, '"dane",', '"dane,', f"{ESTATE}: line 71: ", "a quote or a bracket"
    ),
    "a line moved in": unrun(
        ESTATE, "estate = {", "  estate = {", f"{ESTATE}: line 10: ", "begin the line"
    ),
    "false as in JSON": unrun(ESTATE, "False", "false", f"{ESTATE}: line 44: ", "write False"),
    "null as in JSON": unrun(
        ESTATE, '"2001:db8::11",\n', "null,\n", f"{ESTATE}: line 21: ", "write None"
    ),
    "yes as in YAML": unrun(ESTATE, "True", "yes", f"{ESTATE}: line ", "write True"),
    "off as in YAML": unrun(ESTATE, "False", "off", f"{ESTATE}: line 44: ", "write False"),
    "null in capitals": unrun(ESTATE, '"2001:db8::11",\n', "NULL,\n", "line 21: ", "write None"),
    "a colon, as in YAML": unrun(
        ESTATE, "estate = {", "estate: {", f"{ESTATE}: line 10: ", "write estate = …"
    ),
    "two equal signs": unrun(
        ESTATE, "estate = {", "estate == {", f"{ESTATE}: line 10: ", 'with one "="'
    ),
    "quotes of a word processor": unrun(
        ESTATE, '"ops@shop.example"', "“ops@shop.example”", f"{ESTATE}: line 13: ", 'a plain "'
    ),
    "a conflict that git left": unrun(
        ESTATE,
        "estate = {",
        "<<<<<<< HEAD\nestate = {",
        f"{ESTATE}: line 10: ",
        "keep one of the two",
    ),
    "a comment as in JavaScript": unrun(
        ESTATE, "estate = {", "// ours\nestate = {", "line 10: ", 'begin a comment with "#"'
    ),
    "an hour without quotes": unrun(
        ESTATE,
        '"queue_lifetime": "12h"',
        '"queue_lifetime": 12h',
        "line 90: ",
        "write it in quotes",
    ),
    "a variable that is not set": unrun(
        ESTATE,
        "estate = {",
        'import os\nPROXY = os.environ["POSTROAD_NO_SUCH"]\nestate = {',
        f"{ESTATE}: line 11: ",
        "export POSTROAD_NO_SUCH before the run",
    ),
    "postroad misspelt within": unrun(
        ESTATE, "postroad.settings", "postroad.setings", "line 6: ", "write postroad.settings"
    ),
    "an import with a dot": unrun(
        ESTATE, "estate = {", "from . import hosts\nestate = {", "line 10: ", "without the dots"
    ),
    "Hidden misspelt": unrun(
        ESTATE, "Hidden(\n", "Hiden(\n", f"{ESTATE}: line 63: ", "settings.hidden import Hidden"
    ),
    "an import that is not there": unrun(
        ESTATE,
        "postroad.settings.hidden",
        "postroad.hidden",
        f"{ESTATE}: line 6: ",
        "correct the name postroad.hidden",
    ),
    "a text without quotes": unrun(
        ESTATE,
        '"policy": "none"',
        '"policy": quarantine',
        f"{ESTATE}: line 96: ",
        'write "quarantine" in quotes',
    ),
    "a syntax error in the inventory": unrun(
        HOSTS, "mail = (", "mail = {", f"{HOSTS}: line 20: ", "bracket"
    ),
    "a host without its data": unrun(
        HOSTS,
        MAIL1,
        '("mail1", "192.0.2.11"),',
        f"{HOSTS}: line 10: ",
        'host "mail1" has no dictionary',
        'write ("mail1", {"ssh_hostname": "192.0.2.11"})',
    ),
    "a host as a list": unrun(
        HOSTS,
        MAIL1,
        '["mail1", {"ssh_hostname": "192.0.2.11"}],',
        f"{HOSTS}: line 10: ",
        'write ("mail1", {...}), in parentheses',
    ),
    "one host in place of a list": unrun(
        HOSTS,
        "mail = (",
        'db = ("db1", {})\nmail = (',
        f"{HOSTS}: line 8: ",
        "db is one host, not a group",
        'write db = [("db1", {...})]',
    ),
    "no host at all": unrun(
        HOSTS, "mail = (", "_mail = (", f"{HOSTS}: names no host", "write mail = [...]"
    ),
    # Names of things
    "a host called otherwise in the inventory": estate(
        '"mail2": {', '"mial2": {', 'estate["hosts"]["mial2"]', 'write "mail2"'
    ),
    "a host that the inventory lacks": estate(
        '"mail2": {', '"berlin": {', 'estate["hosts"]["berlin"]', "add it there"
    ),
    "estate with a capital": estate("estate = {", "Estate = {", "line 10", "write estate"),
    "estate not exported": estate(
        '__all__ = ["estate"]', "__all__ = []", "line 8", 'add "estate" there'
    ),
    "ttl": estate('"record_ttl"', '"ttl"', 'estate["ttl"]', 'write "record_ttl"'),
    "stream, not streams": estate(
        '"streams": {', '"stream": {', 'estate["stream"]', 'write "streams"'
    ),
    "a stream that is none": estate(
        '"marketing": {\n            "from',
        '"newsletter": {\n            "from',
        'estate["streams"]["newsletter"]',
        'write "marketing"',
    ),
    "a stream misspelt at a host": estate(
        '"transactional": {\n                    "ipv4',
        '"transactinal": {\n                    "ipv4',
        '["mail1"]["ways_out"]["transactinal"]',
        'write "transactional"',
    ),
    "a key of another section": estate(
        '"admin": {',
        '"email": "ops@shop.example", "admin": {',
        'estate["email"]',
        "write it under admin",
    ),
    "a way out's key at the host": estate(
        '"hostname": "mail1.shop.example",',
        '"hostname": "mail1.shop.example", "helo": "out1.shop.example",',
        '["mail1"]["helo"]',
        "write it under hosts.NAME.ways_out.STREAM",
    ),
    "ip, not ipv4": estate(
        '"ipv4": "192.0.2.21"', '"ip": "192.0.2.21"', '["mail2"]["ip"]', 'write "ipv4"'
    ),
    "return_path, as frameworks say": estate(
        '"envelope_domain": "bounce.shop.example"',
        '"return_path": "bounce.shop.example"',
        '["transactional"]["return_path"]',
        'write "envelope_domain"',
    ),
    "password, not passwords": estate(
        '"passwords": [', '"password": [', '["shop"]["password"]', 'write "passwords"'
    ),
    "a key written twice": estate(
        '"record_ttl": 3600',
        '"record_ttl": 3600,\n    "record_ttl": 60',
        "line 99",
        "write each key once",
    ),
    "servers, not hosts": estate('"hosts": {', '"servers": {', '["servers"]', 'write "hosts"'),
    "a letter that only looks Latin": estate(
        '"ipv4": "192.0.2.21"',
        '"\u0456pv4": "192.0.2.21"',
        '["mail2"]',
        'write "ipv4" in plain letters',
    ),
    # Values
    "everybody as one address": estate(
        '"198.51.100.0/28"', '"0.0.0.0"', '["networks"][0]', 'for everybody write "0.0.0.0/0"'
    ),
    "SSH on a port of submission": estate(
        '"record_ttl": 3600',
        '"firewall": {"ssh_port": 587}, "record_ttl": 3600',
        '["firewall"]["ssh_port"]',
        "write the port that sshd listens on",
    ),
    "a short host name": estate(
        '"mail1.shop.example",', '"mail1",', '["mail1"]["hostname"]', "write the whole name"
    ),
    "a host name with a capital": estate(
        '"mail1.shop.example",',
        '"Mail1.shop.example",',
        '["mail1"]["hostname"]',
        'write "mail1.shop.example"',
    ),
    "another host's name": estate(
        '"mail2.shop.example",',
        '"mail1.shop.example",',
        '["mail2"]["hostname"]',
        "only mail2 has",
    ),
    "another host's address": estate(
        '"ipv4": "192.0.2.21"', '"ipv4": "192.0.2.11"', '["mail2"]["ipv4"]', "only mail2 has"
    ),
    "no name": estate(
        '"hostname": "mail2.shop.example",',
        "",
        '["mail2"]["hostname"]',
        "write the server's full name",
    ),
    "one address, and not said so": estate(
        '"shared_address": True,', "", '["mail2"]["shared_address"]', "set it to True"
    ),
    "one domain for both streams": estate(
        f"{NEWS}\n",
        '"from_domains": ["shop.example", "news.shop.example"],\n',
        '["marketing"]["from_domains"]',
        "write a domain of its own",
    ),
    "a list without brackets": estate(
        NEWS,
        '"from_domains": "news.shop.example",',
        '["marketing"]["from_domains"]',
        "put it in brackets",
    ),
    "a number in quotes": estate(
        '"record_ttl": 3600', '"record_ttl": "3600"', 'estate["record_ttl"]', "without quotes"
    ),
    "a duration without unit": estate(
        '"queue_lifetime": "12h"',
        '"queue_lifetime": 12',
        '["limits"]["queue_lifetime"]',
        'as "12h"',
    ),
    "a password in place of its hash": estate(
        "                        Hidden(\n",
        '                        (\n  "secret" ',
        '["shop"]["passwords"][0]',
        "postroad secret hash",
    ),
    "a network with host bits": estate(
        '"198.51.100.0/28"',
        '"198.51.100.1/28"',
        '["admin"]["networks"][0]',
        'write "198.51.100.0/28"',
    ),
    "a word that is not known": estate(
        '"policy": "none"', '"policy": "rejct"', '["dmarc"]["policy"]', 'write "reject"'
    ),
    "a source without a section": estate(
        '{"source": "acme"}', '"acme"', 'estate["tls"]', 'write {"source": "acme"}'
    ),
    "an envelope domain of somebody else": estate(
        '"bounce.shop.example"',
        '"bounce.other.example"',
        '["envelope_domain"]',
        'as "bounce.shop.example"',
    ),
    "a From: of another domain": estate(
        '"hello@news.shop.example"',
        '"hello@shop.example"',
        '["campaigns"]["from"][0]',
        "write an address at news.shop.example",
    ),
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The example, as it lies in a repository."""
    for folder in ("inventories", "group_data", "deploys"):
        copytree(CLONE / folder, tmp_path / folder)
    (tmp_path / "config.py").write_text((CLONE / "config.py").read_text())
    return tmp_path


def make(shop: Path, mistake: Mistake) -> None:
    place = shop / mistake.file
    text = place.read_text()
    assert mistake.right in text
    place.write_text(text.replace(mistake.right, mistake.wrong, 1))


def test_the_table_is_long_enough() -> None:
    assert len(MISTAKES) >= 30


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_once_with_its_place_and_mend(
    mistake: Mistake, shop: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make(shop, mistake)
    monkeypatch.chdir(shop)
    assert cli.main(["settings", "check", HOSTS]) == mistake.status
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    lines = [line for line in shown.err.splitlines() if "Ignoring host group" not in line]
    title = ["the estate has 1 fault:"] if mistake.status == 1 else []
    assert lines[:-1] == title
    for words in mistake.told:
        assert words in lines[-1]


# ---- and by pyinfra itself, which a newcomer may start first


def pyinfra(shop: Path, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from pyinfra_cli.main import main; main()", *words],
        cwd=cwd or shop,
        env={**os.environ, "PYTHONPATH": str(CLONE), "PYINFRA_PROGRESS": "off"},
        capture_output=True,
        text=True,
        check=False,
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    everything = done.stdout + done.stderr
    assert "Traceback" not in everything
    return everything


# One of each kind: the table above has gone through all.
REFUSED = (
    "a bracket not closed",
    "false as in JSON",
    "an import that is not there",
    "a syntax error in the inventory",
    "a host without its data",
    "a host as a list",
    "one host in place of a list",
    "no host at all",
)


@pytest.mark.parametrize("name", REFUSED)
def test_pyinfra_says_so_as_well(name: str, shop: Path) -> None:
    mistake = MISTAKES[name]
    make(shop, mistake)
    done = pyinfra(shop, "--dry", HOSTS, DEPLOY)
    assert done.returncode == 1
    told = said(done)
    for words in mistake.told:
        assert words in told
    assert "Connecting to hosts" not in told


def reached(shop: Path, data: str = "") -> None:
    """The hosts refuse connections at once: they are ports of this machine where nobody listens."""
    text = (shop / HOSTS).read_text()
    for host in ("192.0.2.11", "192.0.2.21"):
        text = text.replace(f'"{host}"', f'"127.0.0.1", "ssh_port": 9{data}')
    (shop / HOSTS).write_text(text)


WAYS_IN = {
    "no such key": (
        ', "ssh_key": "~/.ssh/no-such-key"',
        "No such private key file: ~/.ssh/no-such-key",
        'under "ssh_key", or make it by ssh-keygen',
    ),
    "a key that is none": (
        ', "ssh_key": "inventories/prod.py"',
        "Invalid private key file: inventories/prod.py",
        "begins with -----BEGIN",
    ),
    "no host keys": ("", "Failed to load host keys from", "make it by ssh-keyscan"),
    "nobody listens": ("", "Could not connect", 'check "ssh_hostname" and "ssh_port"'),
    "a name that nobody knows": (
        ', "ssh_hostname": "no-such-host.invalid"',
        "Could not resolve hostname",
        'write its address under "ssh_hostname"',
    ),
}


@pytest.mark.parametrize(("data", "wrong", "mend"), WAYS_IN.values(), ids=WAYS_IN)
def test_a_way_in_that_is_none(
    data: str, wrong: str, mend: str, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached(shop, data)
    run = said(pyinfra(shop, "--dry", HOSTS, DEPLOY))
    monkeypatch.setenv("PYTHONPATH", str(CLONE))
    words = [sys.executable, "-m", "postroad", "queue", HOSTS]
    command = subprocess.run(words, cwd=shop, capture_output=True, text=True, check=False)
    assert command.returncode == 2
    for told in (run, said(command)):
        (line, *_) = [line for line in told.splitlines() if wrong in line]
        assert line.count(mend) == 1


@pytest.mark.parametrize("greeting", [b"", b"220 mail.example ESMTP\r\n" * 200])
def test_a_port_that_speaks_no_ssh(greeting: bytes, shop: Path) -> None:
    """As that of SMTP, or of a firewall that hangs up. paramiko would tell its frames."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        answering = threading.Thread(target=_greet, args=(server, greeting), daemon=True)
        answering.start()
        reached(shop, f", 'ssh_port': {server.getsockname()[1]}")
        told = said(pyinfra(shop, "--dry", HOSTS, DEPLOY))
        words = [sys.executable, "-m", "postroad", "queue", HOSTS]
        env = {**os.environ, "PYTHONPATH": str(CLONE)}
        done = subprocess.run(words, cwd=shop, env=env, capture_output=True, text=True, check=False)
        for everything in (told, said(done)):
            assert "SSH error" in everything
            assert 'speaks no SSH: check "ssh_hostname" and "ssh_port"' in everything


def _greet(server: socket.socket, greeting: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            with server.accept()[0] as connection, contextlib.suppress(OSError):
                connection.sendall(greeting)


def test_an_interrupted_command_says_so(shop: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        reached(shop, f", 'ssh_port': {server.getsockname()[1]}")
        asking = subprocess.Popen(
            [sys.executable, "-m", "postroad", "queue", HOSTS],
            cwd=shop,
            env={**os.environ, "PYTHONPATH": str(CLONE)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=interrupts.heeded,
        )
        # Connected, it waits for a greeting that never comes.
        with server.accept()[0]:
            asking.send_signal(signal.SIGINT)
            _, told = asking.communicate()
    assert "Traceback" not in told
    assert told.splitlines()[-1] == "interrupted"
    assert asking.returncode == cli.INTERRUPTED


def test_an_answer_that_nobody_reads_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "postroad", "--help"],
        cwd=CLONE,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (cli.CUT_OFF, "")


def test_an_inventory_that_is_not_there(shop: Path) -> None:
    done = pyinfra(shop, "--dry", "inventories/prd.py", DEPLOY)
    assert done.returncode == 1
    assert "inventories/prd.py: there is no such inventory file; name one that is" in said(done)


def test_a_pyinfra_without_postroad(shop: Path) -> None:
    bare = [path for path in sys.path if "site-packages" in path]
    script = (
        f"import sys; sys.path[:0] = {bare}; sys.modules['postroad'] = None;"
        " from pyinfra_cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, HOSTS, DEPLOY],
        cwd=shop,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ". .venv/bin/activate" in said(done)


def test_a_fault_of_postroad_keeps_its_traceback(shop: Path) -> None:
    text = "from postroad.host.paths import opened_path\nopened_path()  # type: ignore\n"
    (shop / ESTATE).write_text(text)
    done = pyinfra(shop, "--dry", HOSTS, DEPLOY)
    assert "TypeError: opened_path() missing" in done.stderr


# ---- from another folder


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("elsewhere")


def local(shop: Path) -> None:
    """The estate has this machine as a host, and a fault, so that nobody looks at the machine."""
    (shop / HOSTS).write_text('mail = ["@local"]\n')
    text = (shop / ESTATE).read_text()
    (shop / ESTATE).write_text(text.replace('"record_ttl": 3600', '"record_ttl": 1'))


def test_pyinfra_started_in_another_folder_sees_the_estate(shop: Path, elsewhere: Path) -> None:
    local(shop)
    told = said(pyinfra(shop, "--dry", str(shop / HOSTS), str(shop / DEPLOY), cwd=elsewhere))
    assert f'{ESTATE}: estate["record_ttl"]: is 1' in told
    assert "no host sees an estate" not in told


def test_pyinfra_started_in_another_project_refuses_to_mix_them(
    shop: Path, elsewhere: Path
) -> None:
    local(shop)
    (elsewhere / "group_data").mkdir()
    (elsewhere / "group_data" / "prod.py").write_text("estate = {}\n")
    told = said(pyinfra(shop, "--dry", str(shop / HOSTS), str(shop / DEPLOY), cwd=elsewhere))
    assert f"belongs to {shop}; start pyinfra in {shop}" in told


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("estate = {", "estate = {{", f"{ESTATE}: line 10: "),
        ("False", "false", f"{ESTATE}: line 44: "),
    ],
)
def test_a_file_that_cannot_be_run_in_another_folder(
    right: str, wrong: str, words: str, shop: Path, elsewhere: Path
) -> None:
    local(shop)
    make(shop, Mistake(ESTATE, right, wrong, ()))
    told = said(pyinfra(shop, "--dry", str(shop / HOSTS), str(shop / DEPLOY), cwd=elsewhere))
    assert words in told


def test_the_host_keys_are_found_from_any_folder(shop: Path, elsewhere: Path) -> None:
    reached(shop)
    (shop / "inventories" / "known_hosts").touch()
    told = said(pyinfra(shop, "--dry", str(shop / HOSTS), str(shop / DEPLOY), cwd=elsewhere))
    assert "Failed to load host keys" not in told


# ---- terminals, and Pythons that lack something


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
@pytest.mark.parametrize("words", [["settings", "check", HOSTS], ["audit", "--help"]], ids=" ".join)
def test_a_terminal_that_lacks_characters(words: list[str], encoding: str, shop: Path) -> None:
    """Hashes in the clear are told with an ellipsis on standard output, which is strict."""
    make(shop, Mistake(ESTATE, "Hidden(\n", "str(\n", ()))
    done = subprocess.run(
        [sys.executable, "-m", "postroad", *words],
        cwd=shop,
        env={**os.environ, "PYTHONPATH": str(CLONE), "PYTHONIOENCODING": encoding},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "\\u2026" in said(done)


@pytest.mark.parametrize("command", cli.COMMANDS, ids=lambda command: command.call)
def test_a_command_begins_without_a_warning(command: cli.Command) -> None:
    """gevent warns in ten lines of what was imported before it."""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", f"import {command.module}"],
        cwd=CLONE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "MonkeyPatchWarning" in done.stderr) == (0, False)


@pytest.mark.parametrize("script", ["lab", "vagrant-box"])
def test_a_checkout_without_its_python_says_so(script: str, tmp_path: Path) -> None:
    copytree(CLONE / "script", tmp_path / "script")
    (tmp_path / "bin").mkdir()
    for program in ("sh", "dirname"):
        (tmp_path / "bin" / program).symlink_to(Path("/usr/bin") / program)

    def answer() -> str:
        done = subprocess.run(
            [str(tmp_path / "script" / script), "up"],
            env={"PATH": str(tmp_path / "bin")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        return said(done)

    assert ".venv, is not made yet: run script/setup" in answer()
    (tmp_path / ".venv").mkdir()
    assert ".venv, is not finished: run script/setup" in answer()
