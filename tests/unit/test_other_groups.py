"""An inventory with other groups: hosts that are not the estate's are let be, and that is said."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.connect import connect_all
from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.connectors.fake import FakeConnector

from postroad.commands import cli
from postroad.roles.run.inventory import load
from postroad.roles.run.left_out import connected_all
from postroad.roles.run.live import reach
from tests.unit import runs
from tests.unit.declarations import declaration, two_hosts
from tests.unit.machine import Machine
from tests.unit.runs import Runner

ESTATE = declaration()
GROUPS = """
web = ["web1", "web2"]
db = (["db1"], {"backups": True})
mail = [("mail1", {"ssh_hostname": "127.0.0.1", "ssh_port": 9})]
"""


@dataclass
class Other:
    """A host of somebody else's: nobody may ask it anything, or do anything there."""

    name: str
    base: Path = Path()
    asked: list[str] = field(default_factory=list)

    def answer(self, command: str, stdin: str) -> tuple[bool, str]:
        self.asked.append(command)
        return True, ""


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    return runs.runner(tmp_path, monkeypatch)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    monkeypatch.setattr("postroad.roles.run.sites.inform", heard.append)
    return heard


def written(folder: Path, data: str = "group_data/prod.py") -> Path:
    inventory = folder / "inventories" / "prod.py"
    for place, text in ((inventory, GROUPS), (folder / data, f"estate = {ESTATE!r}\n")):
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
    return inventory


def test_a_run_does_nothing_on_them_and_says_so_once(runner: Runner, said: list[str]) -> None:
    mail1, others = Machine(ESTATE), [Other("web1"), Other("db1")]
    runner.has(mail1, *others)  # type: ignore[arg-type]
    done = runner.run(ESTATE)
    assert not done.failed
    assert "packages" in mail1.happened
    assert [other.asked for other in others] == [[], []]
    assert said == ["db1, web1: not the estate's, and let be"]


@pytest.mark.parametrize("data", ["group_data/prod.py", "group_data/mail.py"])
def test_the_check_names_them(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where only the group of the mail hosts sees the estate."""
    assert cli.main(["settings", "check", str(written(tmp_path, data))]) == 0
    assert "not the estate's, and let be: web1, web2, db1\n" in capsys.readouterr().out


def test_commands_connect_to_the_estates_hosts_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def connect(host: Any, *arguments: Any, **options: Any) -> None:
        tried.append(host.name)
        raise ConnectError("nobody is there")

    monkeypatch.setattr("pyinfra.api.host.Host.connect", connect)
    loaded = load(written(tmp_path))
    assert loaded.outside == ("web1", "web2", "db1")
    assert [one.host for one in reach(loaded).silent] == ["mail1"]
    assert tried == ["mail1"]


def test_a_host_of_the_estate_that_sees_no_estate_is_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inventory = written(tmp_path, "group_data/web.py")
    assert cli.main(["settings", "check", str(inventory)]) == 1
    assert 'host "mail1" does not see it' in capsys.readouterr().err


def test_a_host_without_root_is_told_that_alone(runner: Runner) -> None:
    mail1 = Machine(ESTATE)
    mail1.state = replace(mail1.state, uid=1000, addresses=frozenset(), release="11")
    runner.has(mail1)
    with pytest.raises(PyinfraError) as refused:
        runner.plan(ESTATE)
    assert str(refused.value).startswith("mail1: the connection is not root's")
    assert "\n" not in str(refused.value)


@pytest.fixture
def down(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of hosts that cannot be connected to."""
    names: set[str] = set()

    def connect(connector: FakeConnector) -> None:
        if connector.host.name in names:
            raise ConnectError("nobody is there")

    monkeypatch.setattr(FakeConnector, "connect", connect)
    monkeypatch.setattr(runs, "connect_all", connected_all(connect_all))
    return names


def test_one_that_is_down_is_not_a_run_that_was_not_done(
    runner: Runner, down: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    down.add("web1")
    runner.has(Machine(ESTATE), Other("web1"), Other("db1"))  # type: ignore[arg-type]
    done = runner.run(ESTATE)
    for host in done.state.activated_hosts:
        host.disconnect()
    assert not done.failed
    assert "Not done on" not in caplog.text


def test_one_of_the_estate_that_is_down_still_is(
    runner: Runner, down: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    down |= {"web1", "mail1"}
    both = two_hosts()
    runner.has(Machine(both), Machine(both, "mail2"), Other("web1"))  # type: ignore[arg-type]
    done = runner.run(both)
    for host in done.state.activated_hosts:
        host.disconnect()
    assert done.failed == {"mail1"}
    assert "Not done on mail1; the exit status is 1" in caplog.text
