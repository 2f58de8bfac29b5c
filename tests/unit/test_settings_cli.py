"""The ``postroad`` command and its first two subcommands."""

from __future__ import annotations

import io
from importlib import import_module
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from postroad.commands import cli
from tests.unit.declarations import declaration, put

PRODUCTION = Path(__file__).parents[2] / "inventories" / "prod.py"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_usage_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(command.call in shown and command.help in shown for command in cli.COMMANDS)


@pytest.mark.parametrize("words", [[], ["secret"], ["hash"], ["settings", "chekc"]])
def test_a_command_that_does_not_exist(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "usage: postroad" in shown.err


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("settings chek", "settings check"),
        ("settings", "settings check"),
        ("adit", "audit"),
        ("dns pulish", "dns publish"),
        ("version", "--version"),
        ("-version", "--version"),
        ("innit", "init"),
    ],
)
def test_a_command_that_is_misspelt(
    typed: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*typed.split(), "inventories/prod.py"]) == 2
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith(f"postroad has no command {typed.split()[0]}")
    assert first.endswith(f"; type postroad {meant}")


@pytest.mark.parametrize("command", cli.COMMANDS, ids=lambda command: command.call)
def test_every_command_has_its_module(command: cli.Command) -> None:
    module = import_module(command.module)
    assert callable(module.add_arguments)
    assert callable(module.run)


def test_hash_of_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    assert cli.main(["secret", "hash"]) == 0
    shown = capsys.readouterr()
    line = shown.out.removesuffix("\n")
    assert line.startswith("{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$")
    assert PasswordHasher().verify(line.removeprefix("{ARGON2ID}"), "correct horse")
    assert "correct horse" not in shown.out + shown.err


def test_hash_asks_twice_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    answers = iter(["one", "one", "one", "two"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    assert cli.main(["secret", "hash"]) == 0
    assert capsys.readouterr().out.startswith("{ARGON2ID}")
    assert cli.main(["secret", "hash"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "differ" in shown.err


def test_hash_of_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert cli.main(["secret", "hash"]) == 1
    assert "empty password" in capsys.readouterr().err


@pytest.mark.parametrize("password", ["p" * 1025, "é" * 513, "correct\0horse"])
def test_hash_of_what_no_login_can_carry(
    password: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Postfix 3.7 cuts such a command off, and 3.10 takes its end for another one."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    assert cli.main(["secret", "hash"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "1024 octets at most" in shown.err
    assert password not in shown.err


def test_hash_takes_no_password_as_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["secret", "hash", "correct horse"])
    assert ended.value.code == 2


def test_check_of_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["settings", "check", str(PRODUCTION)]) == 0
    assert capsys.readouterr().out == (
        "ok: 2 hosts, 2 streams (transactional, marketing), 4 ways out,"
        " sending as shop.example, news.shop.example\n"
    )


def test_check_of_an_estate_with_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inventory = tmp_path / "prod.py"
    inventory.write_text('mail = ["mail1"]\n')
    data = tmp_path / "group_data" / "prod.py"
    data.parent.mkdir()
    data.write_text('estate = {"hosts": {}}\n')
    assert cli.main(["settings", "check", str(inventory)]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert 'group_data/prod.py: estate["hosts"]: declares no host' in shown.err


def test_check_of_an_inventory_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["settings", "check", str(tmp_path / "prod.py")]) == 2
    assert "no such inventory file" in capsys.readouterr().err


def test_check_names_the_files_that_this_machine_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are no faults of the estate: whoever checks it need not be who runs it."""
    data = {"ssh_key": "~/.ssh/no-such-key", "ssh_known_hosts_file": "inventories/known_hosts"}
    inventory = tmp_path / "inventories" / "prod.py"
    supplied = {"source": "supplied", "chain_file": "tls/chain.pem", "key": {"env": "KEY"}}
    for place, text in (
        (inventory, f"mail = (['mail1'], {data})\n"),
        (tmp_path / "group_data/prod.py", f"estate = {put(declaration(), ('tls',), supplied)}\n"),
    ):
        place.parent.mkdir()
        place.write_text(text)
    assert cli.main(["settings", "check", str(inventory)]) == 0
    files, key, hosts = capsys.readouterr().err.splitlines()
    assert files.startswith('estate["tls"]["chain_file"] names tls/chain.pem, which is not there')
    assert '"ssh_key" is ~/.ssh/no-such-key, which is not there' in key
    # Wherever it is started, a path begins in the estate's folder.
    assert f'"ssh_known_hosts_file" is {tmp_path}/inventories/known_hosts' in hosts
    for name in ("tls/chain.pem", "inventories/known_hosts"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert cli.main(["settings", "check", str(inventory)]) == 0
    assert len(capsys.readouterr().err.splitlines()) == 1
