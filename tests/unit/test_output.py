"""Where a command's answer goes: `-` is standard output, and then nothing else is printed there."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree

import pytest

from postroad.commands import cli
from postroad.commands.output import UnwrittenError, answer, place, write
from tests.unit.declarations import declaration

CLONE = Path(__file__).parents[2]


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """An estate whose one host refuses connections."""
    made = tmp_path / "prod.py"
    data = {"ssh_hostname": "127.0.0.1", "ssh_port": 9}
    made.write_text(f'mail = [("mail1", {data!r})]\n')
    (tmp_path / "group_data").mkdir()
    (tmp_path / "group_data" / "prod.py").write_text(f"estate = {declaration()!r}\n")
    return made


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: pytest within pytest would share its streams."""
    return subprocess.run(
        [sys.executable, "-m", "postroad", *map(str, words)],
        cwd=CLONE,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("words", [["queue"], ["explain"], ["survey"], ["diff"]], ids="".join)
def test_json_alone_on_standard_output(
    words: list[str], inventory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    more = ["jane@example.com"] if words == ["explain"] else []
    assert cli.main([*words, str(inventory), *more, "--json", "-"]) == 2
    shown = capfd.readouterr()
    assert json.loads(shown.out) in ([], {})
    assert "mail1: no connection" in shown.err
    assert not Path("-").exists()


def test_the_audit_s_reports_alone_on_standard_output(inventory: Path) -> None:
    done = run("audit", inventory, "-k", "host_answers", "--json", "-")
    (result,) = json.loads(done.stdout)
    assert (done.returncode, result["verdict"]) == (1, "wrong")
    assert "1 failed" in done.stderr
    done = run("audit", inventory, "-k", "host_answers", "--junit", "-")
    assert ElementTree.fromstring(done.stdout).tag == "testsuites"


def test_an_audit_that_cannot_begin_writes_no_report(tmp_path: Path) -> None:
    done = run("audit", tmp_path / "prod.py", "--json", "-")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no such inventory file" in done.stderr


@pytest.mark.parametrize("other", [["--nagios"], ["--junit", "-"]], ids=" ".join)
def test_standard_output_takes_one_report(other: list[str], inventory: Path) -> None:
    done = run("audit", inventory, "--json", "-", *other)
    assert done.returncode == (3 if other == ["--nagios"] else 2)
    assert done.stdout == ""
    assert "takes one of --json -, --junit - and --nagios" in done.stderr


@pytest.mark.parametrize("command", cli.COMMANDS, ids=lambda command: command.call)
def test_every_json_goes_the_same_way(command: cli.Command) -> None:
    parser = argparse.ArgumentParser()
    import_module(command.module).add_arguments(parser)
    for action in parser._actions:
        if {"--json", "--junit"} & set(action.option_strings):
            assert action.type is place


def test_a_file_has_the_answer_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer("all is well\n", "{}\n", tmp_path / "report.json")
    assert capsys.readouterr().out == "all is well\n"
    assert (tmp_path / "report.json").read_text() == "{}\n"


@pytest.mark.parametrize(
    ("name", "mend"), [("", "is a folder: name a file in it"), ("deep/x.json", "mkdir -p ")]
)
def test_what_cannot_be_written_is_told_before_any_host_is_asked(
    name: str, mend: str, tmp_path: Path, inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["queue", str(inventory), "--json", str(tmp_path / name)])
    assert ended.value.code == 2
    shown = capsys.readouterr()
    assert mend in shown.err
    assert "mail1" not in shown.err


def test_what_cannot_be_written_after_all(tmp_path: Path) -> None:
    with pytest.raises(UnwrittenError, match=r"cannot be written: Is a directory"):
        write(tmp_path, "{}")
