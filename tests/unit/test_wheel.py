"""What is installed has everything that is read at run time, and is enough to begin with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from postroad.data import VERSION

CLONE = Path(__file__).parents[2]
# Where each folder of the checkout lies in the package.
CARRIED = {
    "postroad": "postroad",
    "templates": "postroad/data/templates",
    "deploys": "postroad/data/deploys",
    "docs": "postroad/data/docs",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package alone: the wheel, unpacked where nothing else is."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=CLONE,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (packed,) = folder.glob("*.whl")
    with ZipFile(packed) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def postroad(
    wheel: Path, folder: Path, *words: str, program: str = "postroad"
) -> subprocess.CompletedProcess[str]:
    """Run it in ``folder``, from the wheel; what it needs is this environment's."""
    return subprocess.run(
        [sys.executable, "-m", program, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(wheel), "PYINFRA_PROGRESS": "off"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def tracked(folder: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", folder], cwd=CLONE, check=True, capture_output=True, text=True
    )
    return [Path(name).relative_to(folder) for name in listed.stdout.splitlines()]


@pytest.mark.parametrize("folder", CARRIED)
def test_every_file_of_the_checkout_s_is_in_it(wheel: Path, folder: str) -> None:
    there = wheel / CARRIED[folder]
    assert [name for name in tracked(folder) if not (there / name).is_file()] == []
    assert tracked(folder)


def test_nothing_made_meanwhile_is_in_it(wheel: Path) -> None:
    assert [one for one in wheel.rglob("*") if one.suffix == ".pyc" or "lab" in one.parts] == []


def test_it_is_enough_to_begin_with(wheel: Path, tmp_path: Path) -> None:
    """From an empty folder to an estate without a fault, and to pyinfra's own first words."""
    begun = postroad(
        wheel,
        tmp_path,
        *("init", "--yes", "--domain", "toys.example", "--host", "mail1=192.0.2.5"),
        *("--admin-network", "198.51.100.7", "--client-network", "203.0.113.7"),
    )
    assert (begun.returncode, begun.stderr) == (0, "")
    checked = postroad(wheel, tmp_path, "settings", "check", "inventories/prod.py")
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.startswith("ok: 1 host, 2 streams")
    # Its config.py is at work: the file that is at fault is named with its line.
    estate = tmp_path / "group_data" / "prod.py"
    estate.write_text(estate.read_text().replace('"toys.example",', '"toys.example"', 1))
    estate.write_text(estate.read_text().replace("estate = {", "estate = {{", 1))
    told = postroad(
        *(wheel, tmp_path, "inventories/prod.py", "deploys/mailserver.py"), program="pyinfra"
    )
    assert told.returncode != 0
    assert "group_data/prod.py: line 10: " in told.stdout + told.stderr


def test_its_pages_are_those_of_the_checkout(wheel: Path, tmp_path: Path) -> None:
    done = postroad(wheel, tmp_path, "docs", "settings")
    assert done.stdout == (CLONE / "docs" / "settings.md").read_text(), done.stderr


def test_its_version_is_the_package_s(wheel: Path, tmp_path: Path) -> None:
    (name,) = wheel.glob("*.dist-info")
    done = postroad(wheel, tmp_path, "--version")
    assert (done.returncode, done.stdout) == (0, f"postroad {name.name.split('-')[1][:-5]}\n")
    assert done.stdout == f"postroad {VERSION}\n"
