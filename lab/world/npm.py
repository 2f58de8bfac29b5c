"""Packages from npm for hosts of the lab, which reach no registry: fetched on this machine."""

import shutil
import subprocess
from pathlib import Path

from lab.hosts import packages
from lab.hosts.errors import LabError
from lab.hosts.guest import Guest


def install(wanted: Path, place: Path) -> None:
    """Have what the package.json *wanted* pins in *place*/node_modules; kept while it is the same.

    Raises LabError where npm fails.
    """
    pinned, stamp = wanted.read_text(encoding="utf-8"), place / "installed"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == pinned:
        return
    if not shutil.which("npm"):
        packages.ensure(packages.FOR_NPM)
    place.mkdir(parents=True, exist_ok=True)
    (place / "package.json").write_text(pinned, encoding="utf-8")
    # What is optional is not used, and no package may build or fetch anything.
    flags = ("--omit=dev", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund")
    done = subprocess.run(
        ["npm", "install", *flags], cwd=place, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise LabError(f"npm install: exit {done.returncode}\n{done.stderr.strip()[-1000:]}")
    stamp.write_text(pinned, encoding="utf-8")


def carry(place: Path, guest: Guest, folder: str) -> None:
    """Put *place*/node_modules into *folder* on *guest*."""
    pack = ["tar", "-C", str(place), "-c", "node_modules"]
    unpack = f"mkdir -p {folder} && tar -C {folder} -x --no-same-owner"
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as packed:
        subprocess.run(guest.enter("sh", "-c", unpack), stdin=packed.stdout, check=True)
