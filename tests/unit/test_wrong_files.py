"""A file in the place of another: swapped arguments, folders, inventories that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.commands import cli
from tests.unit.first_repository import DEPLOY, HOSTS, changed, pyinfra, refusing, said, written

DEPLOYS = f"{DEPLOY}: is what is done on hosts, not which there are; name the inventory first, as"
FOLDER = "inventories: is a folder; name the file in it, as inventories/shop.py"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its only inventory has a name of its own."""
    refusing(written(tmp_path))
    for file in (tmp_path / "inventories").iterdir():
        if file != tmp_path / HOSTS:
            file.unlink()
    (tmp_path / HOSTS).rename(tmp_path / "inventories" / "shop.py")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (DEPLOY, f"{DEPLOYS} inventories/shop.py"),
        ("inventories", FOLDER),
        ("inventories/", FOLDER),
        (".", ".: is a folder; name the file in it, as inventories/shop.py"),
        ("nofile.py", "nofile.py: there is no such inventory file; name one that is, as inv"),
        ("@local", "@local: there is no such inventory file; name one that is, as inventories"),
        ("mail1", "mail1: there is no such inventory file; name one that is, as inventories/shop"),
        ("prod.py", "name one that is, as inventories/shop.py"),
        ("inventories/prd.py", "name one that is, as inventories/shop.py"),
        ("", "name the file in it, as inventories/shop.py"),
        ("deploys/none.py", "name one that is, as inventories/shop.py"),
    ],
)
def test_what_is_no_inventory(
    typed: str, told: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["settings", "check", typed]) == 2
    shown = capsys.readouterr().err
    assert told in shown
    assert "config.py" not in shown
    assert "prod.py, " not in shown


def test_from_another_folder(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "elsewhere").mkdir()
    monkeypatch.chdir(shop / "elsewhere")
    assert cli.main(["settings", "check", "../inventories/prod.py"]) == 2
    assert "name one that is, as ../inventories/shop.py" in capsys.readouterr().err
    assert cli.main(["settings", "check", "prod.py"]) == 2
    assert "correct its path, or have a first one written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((DEPLOY, "inventories/shop.py"), f"{DEPLOYS} inventories/shop.py"),
        (("inventories", DEPLOY), FOLDER),
    ],
)
def test_pyinfra_says_so_as_well(words: tuple[str, str], told: str, shop: Path) -> None:
    done = pyinfra(shop, "--dry", *words)
    assert done.returncode == 1
    assert told in said(done)


@pytest.mark.parametrize("whole", [False, True], ids=["relative", "absolute"])
def test_pyinfra_started_elsewhere_by_chdir_is_as_here(
    whole: bool, shop: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As README.md has it: without config.py pyinfra has no mends, and ends for all hosts."""
    changed(shop, "inventories/shop.py", '"ssh_port": 9', '"ssh_port": 9, "ssh_key": "none"')
    words = [f"{shop}/{file}" if whole else file for file in ("inventories/shop.py", DEPLOY)]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    there = said(pyinfra(shop, "--chdir", str(shop), "--dry", *words, cwd=elsewhere))
    assert 'under "ssh_key", or make it by ssh-keygen' in there
    assert "mail2: no connection: Could not connect" in there
    assert list(elsewhere.iterdir()) == []
