"""The edge where reports come in: a folder of files, or a Maildir of mails with them attached.

Everything here was sent by strangers. Files are opened without following links and read up to a
limit; what is refused stays where it is, and is named with its reason.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from postroad.watch.dmarc.mails import MAX_MAIL, attachments
from postroad.watch.dmarc.unpack import MAX_PACKED, RefusedError, too_large, unpacked
from postroad.watch.dmarc.xml import Xml, checked

# maildir(5): tmp holds mails that are not whole yet.
_MAILDIR = ("new", "cur")


class PlaceError(Exception):
    """There is no place to read reports from; the message names it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One report as it came: its file, and its attachment's name where that is a mail."""

    path: Path
    attachment: str | None
    content: Xml


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was not read, and why. ``attachment`` is None where it is the whole file."""

    path: Path
    attachment: str | None
    reason: str


def folders(place: Path) -> tuple[Path, ...]:
    """The folders whose files are read: ``place`` itself, or new and cur of a Maildir.

    PlaceError where it is no folder.
    """
    if not place.is_dir():
        raise PlaceError(f"{place}: is no folder: name the one with the reports, or a Maildir")
    maildir = tuple(place / name for name in _MAILDIR)
    return maildir if all(folder.is_dir() for folder in maildir) else (place,)


def take_in(place: Path) -> Iterator[Piece | Refusal]:
    """Everything in ``place``, in the order of names, one file in memory at a time.

    Hidden files and sub-folders are passed over. PlaceError where ``place`` cannot be listed.
    """
    where = folders(place)
    for path in _files(where):
        yield from _mail(path) if where != (place,) else _file(path)


def _files(where: tuple[Path, ...]) -> Iterator[Path]:
    for folder in where:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise PlaceError(f"{folder}: cannot be listed: {error.strerror}") from error
        for entry in entries:
            if not entry.name.startswith(".") and not entry.is_dir(follow_symlinks=False):
                yield folder / entry.name


def _file(path: Path) -> Iterator[Piece | Refusal]:
    try:
        yield Piece(path, None, checked(unpacked(_read(path, MAX_PACKED))))
    except RefusedError as refused:
        yield Refusal(path, None, str(refused))


def _mail(path: Path) -> Iterator[Piece | Refusal]:
    try:
        found = attachments(_read(path, MAX_MAIL))
    except RefusedError as refused:
        yield Refusal(path, None, str(refused))
        return
    for attachment in found:
        try:
            yield Piece(path, attachment.name, checked(unpacked(attachment.data)))
        except RefusedError as refused:
            yield Refusal(path, attachment.name, str(refused))


def _read(path: Path, limit: int) -> bytes:
    # Not to wait for a pipe's writer, and not to be led elsewhere by a link: open(2).
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        with open(os.open(path, flags), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise RefusedError("is no regular file")
            if found.st_size > limit:
                raise too_large(found.st_size, limit)
            return file.read(limit + 1)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise RefusedError("is a symbolic link: put the file itself there") from error
        raise RefusedError(f"cannot be read: {error.strerror}") from error
