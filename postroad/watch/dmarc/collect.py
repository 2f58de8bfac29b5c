"""Reads every report of a place: what could be read, and what not, with its reason."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from os.path import lexists
from pathlib import Path

from postroad.watch.dmarc.intake import Refusal, folders, take_in
from postroad.watch.dmarc.model import Report
from postroad.watch.dmarc.reader import read_report
from postroad.watch.dmarc.unpack import RefusedError


@dataclass(frozen=True, slots=True)
class Collected:
    """The reports in the order in which they lie there, and what was refused.

    ``barren`` are the files of which nothing was read: those that may be put aside.
    """

    reports: tuple[Report, ...]
    refusals: tuple[Refusal, ...]
    barren: tuple[Path, ...]


def collect(place: Path) -> Collected:
    """Read everything in ``place``. PlaceError and ParserMissingError as `take_in` and reader."""
    reports: list[Report] = []
    refusals: list[Refusal] = []
    fruitful: set[Path] = set()
    for taken in take_in(place):
        if isinstance(taken, Refusal):
            refusals.append(taken)
            continue
        try:
            reports.append(read_report(taken.content))
            fruitful.add(taken.path)
        except RefusedError as refused:
            refusals.append(Refusal(taken.path, taken.attachment, str(refused)))
    barren = dict.fromkeys(r.path for r in refusals if r.path not in fruitful)
    return Collected(tuple(reports), tuple(refusals), tuple(barren))


class AsideError(Exception):
    """Refused files cannot be kept in the folder that was named; the message says why."""


def check_aside(folder: Path, place: Path) -> None:
    """AsideError where files put into ``folder`` would be read again from ``place``."""
    if folder.resolve() in [read.resolve() for read in folders(place)]:
        raise AsideError(f"{folder}: is where reports are read from: name another folder")


def put_aside(paths: Iterable[Path], folder: Path) -> None:
    """Move ``paths`` to ``folder``, which is made where it is missing; nothing is overwritten.

    AsideError where that fails; what was not moved yet is still where it was.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in paths:
            # A link is moved as such; shutil copies between file systems before it removes.
            shutil.move(path, _free(folder, path.name))
    except (OSError, shutil.Error) as error:
        raise AsideError(f"{folder}: {error}") from error


def _free(folder: Path, name: str) -> Path:
    names = (folder / (f"{name}.{number}" if number else name) for number in count())
    return next(path for path in names if not lexists(path))
