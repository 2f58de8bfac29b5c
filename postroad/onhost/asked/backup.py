"""Prints a tar archive of what is kept of a host.

Argument: {"places": [path, ...], "kinds": [[pattern of paths, most octets], ...]}. Output: lines
with the archive's pieces in base64, then a line of JSON: [[path, why it was left out], ...].

Root reads here what other accounts write: everything is opened from the folder above it, without
following a link and without waiting for a fifo(7), and what is no plain file of a known name is
left out, so that no odd file costs a host its backup.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from typing import Any

READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
PASSED = re.compile(r".*/tmp/[^/]*", re.DOTALL)
# More slashes than the path of anything that is kept has.
DEEPEST = 16


class Lines:
    """Takes octets as a file does, and prints each piece as a line of base64."""

    def write(self, octets: bytes) -> int:
        """Print one piece. In one line for all, whoever reads it would copy it again and again."""
        print(base64.b64encode(octets).decode())
        return len(octets)


def main(arguments: list[str]) -> int:
    """Print the archive, and what was left out."""
    asked = json.loads(arguments[0])
    kinds = [(re.compile(pattern), limit) for pattern, limit in asked["kinds"]]
    left_out: list[tuple[str, str]] = []
    lines = Lines()
    with tarfile.open(mode="w|", fileobj=lines, format=tarfile.USTAR_FORMAT) as archive:  # type: ignore[call-overload]
        for place in asked["places"]:
            add(archive, place, kinds, left_out)
    print(json.dumps(left_out))
    return 0


def add(archive: tarfile.TarFile, place: str, kinds: list[Any], left_out: list[Any]) -> None:
    """Put what is at ``place``, and below it, into the archive."""
    parent, name = os.path.split(place)
    try:
        above = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return  # There is nothing of it on this host.
    try:
        for path, content in files(above, parent, name, kinds, left_out):
            header = tarfile.TarInfo(path.lstrip("/"))
            header.size = len(content)
            try:
                archive.addfile(header, io.BytesIO(content))
            except ValueError:
                left_out.append((path, "its name is too long"))
    finally:
        os.close(above)


def files(
    above: int, parent: str, name: str, kinds: list[Any], left_out: list[Any]
) -> Iterator[tuple[str, bytes]]:
    """The files called ``name`` in the folder ``above``, or below it, with their contents."""
    path = f"{parent}/{name}"
    if path.count("/") > DEEPEST:
        left_out.append((path, "is deeper than anything that is kept"))
        return
    try:
        opened = os.open(name, READ, dir_fd=above)
    except FileNotFoundError:
        return
    except OSError as error:
        left_out.append((path, f"is no file or folder ({error.strerror})"))
        return
    try:
        kind = os.fstat(opened).st_mode
        if stat.S_ISDIR(kind):
            for below in sorted(os.listdir(opened)):
                yield from files(opened, path, below, kinds, left_out)
        elif not PASSED.fullmatch(path):
            limit = next((most for pattern, most in kinds if pattern.fullmatch(path)), -1)
            content = read(opened, limit) if stat.S_ISREG(kind) and limit >= 0 else None
            if content is None:
                left_out.append((path, reason(kind, limit)))
            else:
                yield path, content
    finally:
        os.close(opened)


def read(opened: int, limit: int) -> bytes | None:
    """The whole file, as long as it is by then; None where that is more than ``limit`` octets."""
    with open(opened, "rb", closefd=False) as file:
        content = file.read(limit + 1)
    return content if len(content) <= limit else None


def reason(kind: int, limit: int) -> str:
    """Why a file is left out."""
    if not stat.S_ISREG(kind):
        return "is no file or folder"
    return "is none of what is kept" if limit < 0 else f"is larger than {limit} octets"
