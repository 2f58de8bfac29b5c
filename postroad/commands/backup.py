"""``postroad backup INVENTORY FOLDER``: keeps what stands on the hosts alone."""

from __future__ import annotations

import argparse
import errno
import os
import tempfile
from pathlib import Path

from postroad.commands.asking import NOBODY, told, who_answers
from postroad.host.asked import Asked
from postroad.mail.backup.archive import (
    QUESTION,
    SAVED,
    Answer,
    NoBackupError,
    archive_name,
    checked,
)
from postroad.roles.run.site import Site
from postroad.settings.terminal import complain, line, tell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The inventory, and the folder that takes an archive for each host."""
    parser.add_argument("inventory", type=Path, help="inventory file, as inventories/prod.py")
    parser.add_argument("folder", type=Path, help="for HOST.tar, closed to others (mode 700)")
    parser.epilog = (
        "The archives hold private keys: keep the folder encrypted. Exit status: 0 kept, 1 the"
        " estate has faults, 2 a host could not be asked, or an archive could not be kept."
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask every host, and keep what it says."""
    if fault := unfit(arguments.folder):
        complain(fault)
        return NOBODY
    return told(lambda: _keep(arguments))


def unfit(folder: Path) -> str:
    """Why archives may not be kept there; empty where they may. Nothing is made for that."""
    try:
        while_missing = (one for one in (folder, *folder.absolute().parents) if one.exists())
        nearest = next(while_missing, folder)
        if not nearest.is_dir():
            return f"{folder}: cannot be made: {nearest} is no folder"
        if not os.access(nearest, os.W_OK | os.X_OK):
            return f"{folder}: cannot be written: {os.strerror(errno.EACCES)} ({nearest})"
        if nearest != folder:
            return ""
        found = folder.stat()
    except OSError as error:
        return f"{folder}: cannot be made: {error.strerror}"
    if found.st_uid != os.geteuid():
        return f"{folder}: belongs to another account, who may look into it: take one of yours"
    if mode := found.st_mode & 0o077:
        return f"{folder}: others may look into it (mode {mode | 0o700:o}): chmod 700 {folder}"
    return ""


def _keep(arguments: argparse.Namespace) -> int:
    heard = who_answers(arguments.inventory, _look)
    status = heard.status
    for host, answer in heard.answers:
        place, archive = arguments.folder / archive_name(host), answer.archive
        for path, why in answer.left_out:
            complain(f"{host}: {line(path)} {line(why)}, and is left out")
        try:
            backup = checked(archive)
        except NoBackupError as error:
            complain(f"{host}: nothing is kept: {error}")
            status = NOBODY
            continue
        try:
            # Only now: where nobody answers, no folder is left behind.
            arguments.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            written(place, archive)
        except OSError as error:
            complain(f"{place}: cannot be written: {error.strerror}; what was there before stays")
            status = NOBODY
            continue
        tell(f"{place}: {len(backup.keys)} DKIM keys, {len(archive) // 1024} KiB")
    return status


def written(place: Path, archive: bytes) -> None:
    """Whole or not at all: an older archive stays until the new one is there.

    Closed to others from the beginning (mkstemp(3)), by a name that no other backup has.
    """
    opened, new = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(archive)
            os.fsync(file.fileno())
        Path(new).replace(place)
    except OSError:
        Path(new).unlink(missing_ok=True)
        raise


def _look(site: Site) -> tuple[str, Answer]:
    return site.host.name, site.ask(Asked(SAVED, QUESTION))
