"""``postroad dns …`` as an operator calls it: what is written, what is told, the exit status."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api.host import Host

from postroad.commands import cli, dns_plan, dns_records
from postroad.dns.mta_sts import policy
from postroad.roles.run.ask import UnansweredError
from postroad.roles.run.live import UnreachableError
from postroad.settings.read import read
from tests.unit.declarations import Declaration, declaration, put

from . import estates
from .estates import live_key

POLICY = {"mode": "testing", "web_host": "www.shop.example"}
FILE = "group_data/prod.py"
KEYS = estates.keys_of_mail1()


def whole() -> Declaration:
    return put(declaration(), ("mta_sts",), POLICY)


def inventory(folder: Path, declared: Declaration) -> Path:
    """An inventory of one host, and its estate beside it."""
    (folder / "group_data").mkdir()
    (folder / "group_data" / "prod.py").write_text(f"estate = {declared!r}\n")
    place = folder / "prod.py"
    place.write_text('mail = ["mail1"]\n')
    return place


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the hosts of the next command are: ``declared``, ``keys``; an ``error`` if any."""
    answers: dict[str, Any] = {"declared": whole(), "keys": KEYS, "error": None}

    @contextmanager
    def connected(place: Path) -> Iterator[tuple[object, list[object]]]:
        if answers["error"]:
            raise answers["error"]
        yield SimpleNamespace(estate=read(answers["declared"], FILE)), []

    for module in (dns_plan, dns_records):
        monkeypatch.setattr(module, "connected", connected)
        monkeypatch.setattr(module, "live_keys", lambda sites: answers["keys"])
        monkeypatch.setattr(module, "live_certificates", lambda sites: estates.CERTIFICATES[:1])
    return answers


def test_the_plan_is_written(said: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dns", "plan", "prod.py"]) == 0
    shown = capsys.readouterr()
    assert "In the zone shop.example" in shown.out
    assert "_25._tcp.mail1.shop.example  TLSA" in shown.out
    assert shown.err == ""


def test_a_plan_with_a_fault_is_written_and_fails(
    said: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    said["declared"] = put(
        whole(),
        ("unsubscribe",),
        {"hostname": "mta-sts.bounce.shop.example", "web_host": "other.example"},
    )
    assert cli.main(["dns", "plan", "prod.py"]) == 1
    assert "Wrong: mta-sts.bounce.shop.example: is an alias" in capsys.readouterr().out


def test_records_are_written_for_programs(
    said: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["dns", "records", "prod.py", "--zone"]) == 0
    shown = capsys.readouterr().out
    assert "\n_25._tcp.mail1.shop.example. 3600 IN TLSA 3 1 1 " in shown
    assert "Incomplete" not in shown


def test_records_need_a_form(said: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["dns", "records", "prod.py"])
    assert ended.value.code == 2
    assert "--zone" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["plan", "prod.py"], ["records", "prod.py", "--zone"]])
def test_what_keeps_a_command_from_its_answer(
    words: list[str], said: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    said["error"] = UnreachableError("no connection to mail1")
    assert cli.main(["dns", *words]) == 2
    assert capsys.readouterr() == ("", "no connection to mail1\n")
    said["error"] = None
    said["declared"] = {}
    assert cli.main(["dns", *words]) == 1
    assert 'estate["hosts"]' in capsys.readouterr().err
    said["declared"] = whole()
    first = KEYS[0]
    said["keys"] = (first, live_key(first.host, "marketing", first.domain, 9))
    assert cli.main(["dns", *words]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "sign with different keys under one name" in shown.err


def test_hosts_of_which_none_answers_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody(host: Host) -> None:
        raise UnansweredError(host.name, "no connection (it is down)")

    monkeypatch.setattr("postroad.roles.run.live.connect", nobody)
    assert cli.main(["dns", "plan", str(inventory(tmp_path, whole()))]) == 2
    assert "mail1: no connection (it is down)\n" in capsys.readouterr().err


def test_an_inventory_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(tmp_path / "prod.py")
    for words in (["plan", place], ["records", place, "--zone"], ["mta-sts", place, "x.example"]):
        assert cli.main(["dns", *words]) == 2
        assert "no such inventory file" in capsys.readouterr().err


def test_the_policy_file_is_written_as_it_must_be_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(inventory(tmp_path, whole()))
    assert cli.main(["dns", "mta-sts", place, "bounce.shop.example"]) == 0
    declared = read(whole(), FILE)
    assert declared.mta_sts
    assert capsys.readouterr() == (policy(declared, declared.mta_sts), "")


def test_a_policy_that_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(inventory(tmp_path, whole()))
    assert cli.main(["dns", "mta-sts", place, "shop.example"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "name one of bounce.shop.example, bounce.news.shop.example" in shown.err


@pytest.mark.parametrize(
    ("declared", "told"), [(declaration(), 'estate["mta_sts"]'), ({}, 'estate["hosts"]')]
)
def test_no_policy_of_an_estate_without_one_or_with_faults(
    declared: Declaration, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(inventory(tmp_path, declared))
    assert cli.main(["dns", "mta-sts", place, "bounce.shop.example"]) == 1
    assert told in capsys.readouterr().err


def test_settings_check_tells_what_the_records_would_not_bear(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crowded = put(
        whole(),
        ("unsubscribe",),
        {"hostname": "mta-sts.bounce.shop.example", "web_host": "other.example"},
    )
    place = str(inventory(tmp_path, crowded))
    assert cli.main(["settings", "check", place]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "the records of this estate: mta-sts.bounce.shop.example: is an alias" in shown.err
