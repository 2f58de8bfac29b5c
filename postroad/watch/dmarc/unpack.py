"""Takes a report out of its gzip or zip, within limits: nothing here trusts the sender.

No name from an archive is ever used as a path, and nothing is written.
"""

from __future__ import annotations

import zipfile
import zlib
from io import BytesIO

MIB = 1024 * 1024
# The largest reports of the largest providers are a few MiB of XML.
MAX_PACKED = 10 * MIB
MAX_UNPACKED = 20 * MIB
# DEFLATE can reach 1032 to 1; reports, which repeat themselves, reach about 60.
MAX_RATIO = 200
# Below this size a bomb does no harm, whatever its ratio.
HARMLESS = MIB

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_ARCHIVES = (
    _GZIP,
    _ZIP,
    b"PK\x05\x06",
    b"BZh",
    b"\xfd7zXZ",
    b"7z\xbc\xaf",
    b"Rar!",
    b"\x28\xb5\x2f\xfd",
)
# Each member has one such mark in the archive's directory, which zipfile reads whole.
_MEMBER_MARK = b"PK\x01\x02"
_MAX_MARKS = 16
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_GZIP_WINDOW = zlib.MAX_WBITS | 16
_ENCRYPTED = 0x1


class RefusedError(Exception):
    """A file, mail or attachment is not taken in; the message says why."""


def unpacked(data: bytes) -> bytes:
    """The one file that ``data`` holds: itself, or what its gzip or zip holds.

    At most MAX_UNPACKED bytes are ever held. RefusedError where it is empty, too large, broken, or
    holds anything but one file that is no archive itself.
    """
    if len(data) > MAX_PACKED:
        raise too_large(len(data), MAX_PACKED)
    if data.startswith(_GZIP):
        content = _gunzipped(data)
    elif data.startswith(_ZIP):
        content = _unzipped(data)
    else:
        content = data
    if not content.strip(b"\0 \t\r\n"):
        raise RefusedError("is empty")
    if content.startswith(_ARCHIVES):
        raise RefusedError("holds an archive where a report should be")
    return content


def too_large(size: int, limit: int) -> RefusedError:
    """The refusal of ``size`` bytes where ``limit`` are taken."""
    return RefusedError(f"has {size:,} bytes, more than {limit // MIB} MiB")


def _gunzipped(data: bytes) -> bytes:
    stream = zlib.decompressobj(_GZIP_WINDOW)
    try:
        content = stream.decompress(data, MAX_UNPACKED + 1)
    except zlib.error as error:
        raise RefusedError(f"is broken gzip: {error}") from error
    _within_limits(len(content), len(data))
    if not stream.eof:
        raise RefusedError("is gzip that ends early")
    # Some senders fill up with NUL bytes; anything else is a second file.
    if stream.unused_data.strip(b"\0"):
        raise RefusedError("holds more after the end of its gzip")
    return content


def _unzipped(data: bytes) -> bytes:
    if data.count(_MEMBER_MARK) > _MAX_MARKS:
        raise RefusedError("is a zip of many files, not of one report")
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            member = _only_member(archive)
            # zipfile unpacks no more than the archive declares, then checks its digest.
            _within_limits(member.file_size, len(data))
            return archive.read(member)
    # zipfile raises each of these on archives that are broken in one way or another.
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        raise RefusedError(f"is a broken zip: {error}") from error


def _only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1:
        raise RefusedError(f"is a zip of {len(members)} files, not of one report")
    (member,) = members
    steps = member.filename.replace("\\", "/").split("/")
    if ".." in steps or steps[0] == "" or ":" in steps[0]:
        raise RefusedError("is a zip whose file wants to lie outside of it")
    if member.flag_bits & _ENCRYPTED:
        raise RefusedError("is a zip with a password")
    if member.compress_type not in _METHODS:
        raise RefusedError("is a zip that is packed otherwise than by deflate")
    return member


def _within_limits(size: int, packed: int) -> None:
    if size > MAX_UNPACKED:
        raise RefusedError(f"unpacks to more than {MAX_UNPACKED // MIB} MiB")
    if size > HARMLESS and size > packed * MAX_RATIO:
        raise RefusedError(f"unpacks to more than {MAX_RATIO} times its size")
