"""Reads a tar archive, and nothing in it that two readers could understand differently. Pure.

Python's own reader, as tar(1), obeys what an archive says: other names and owners by extended
headers, sizes without bounds, an end where none is. What is no plain file, folder or symbolic link
is a fault here (POSIX pax(1), "ustar Interchange Format").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

_BLOCK = 512
_END = bytes(_BLOCK)
_KINDS: dict[bytes, Literal["file", "folder", "link"]] = {
    b"0": "file",
    b"\0": "file",
    b"2": "link",
    b"5": "folder",
}
# How GNU tar writes a name of more than 100 octets: as a file of its own, before the header.
_LONG_NAME = b"L"
_LONGEST = 4096
_OTHERS = {
    b"1": "a hard link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a FIFO",
    b"x": "an extended header, which would change the next one",
    b"g": "an extended header, which would change those that follow",
    b"K": "the long target of a link",
    b"S": "a file with holes",
}


class TarError(ValueError):
    """Not an archive that is read here; the message names the member, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member. Its owner and its mode are not of interest: whoever reads it has their own."""

    name: str
    kind: Literal["file", "folder", "link"]
    target: str = ""
    content: bytes = field(default=b"", repr=False)


def members(archive: bytes, largest: int) -> Iterator[Member]:
    """Every member of ``archive``, none of more than ``largest`` octets; TarError at a fault."""
    at, long_name = 0, b""
    while (header := archive[at : at + _BLOCK]) != _END:
        if len(header) < _BLOCK:
            raise TarError("it is no whole tar archive: it was cut off before its end")
        if _number(header[148:156], f"the header at octet {at}") != _checksum(header):
            raise TarError(f"it is no tar archive: no header at octet {at}")
        name = long_name or _name(header)
        size = _number(header[124:136], _shown(name))
        content = archive[at + _BLOCK : at + _BLOCK + size]
        flag = header[156:157]
        _refuse(name, flag, size, header, largest)
        if len(content) < size:
            raise TarError(f"{_shown(name)} was cut off")
        at += _BLOCK + -(-size // _BLOCK) * _BLOCK
        if flag == _LONG_NAME:
            long_name = _long(content, archive[at : at + 100])
            continue
        long_name = b""
        yield Member(_text(name).rstrip("/"), _KINDS[flag], _text(_field(header[157:257])), content)
    if archive[at:].strip(b"\0"):
        raise TarError("it goes on after its end")
    if len(archive) < at + 2 * _BLOCK:
        raise TarError("it is no whole tar archive: it was cut off before its end")


def _refuse(name: bytes, flag: bytes, size: int, header: bytes, largest: int) -> None:
    said = _shown(name)
    if flag not in _KINDS and flag != _LONG_NAME:
        raise TarError(f"{said} is {_OTHERS.get(flag, f'of the unknown type {flag!r}')}")
    if flag != _LONG_NAME and _KINDS[flag] != "file" and size:
        raise TarError(f"{said} is no file, and has a content")
    if size > (_LONGEST if flag == _LONG_NAME else largest):
        raise TarError(f"{said} is larger ({size} octets) than anything that a backup holds")
    if _KINDS.get(flag) == "file" and _number(header[100:108], said) & 0o7000:
        raise TarError(f"{said} is to run with the rights of its owner (set-user-ID)")


def _long(content: bytes, start: bytes) -> bytes:
    """The whole of a name whose first 100 octets stand in the header that follows."""
    name = content[:-1]
    if not content.endswith(b"\0") or b"\0" in name or name[:100] != _field(start):
        raise TarError(f"{_shown(name)} is a long name of another member")
    return name


def _name(header: bytes) -> bytes:
    name = _field(header[:100])
    # GNU tar has other things in the place of POSIX's prefix.
    prefix = _field(header[345:500]) if header[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _field(octets: bytes) -> bytes:
    return octets.partition(b"\0")[0]


def _number(octets: bytes, whose: str) -> int:
    digits = octets.strip(b" \0")
    if not re.fullmatch(rb"[0-7]{1,12}", digits):
        raise TarError(f"it is no tar archive: {whose} has no number where there must be one")
    return int(digits, 8)


def _checksum(header: bytes) -> int:
    return sum(header[:148]) + 8 * ord(" ") + sum(header[156:])


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def _shown(name: bytes) -> str:
    return ascii(_text(name))
