"""What of a host is kept for a replacement: what was made there and stands nowhere else. Pure.

DKIM keys and the marks of their lives, the pauses and latches of its streams, the certificate with
its account, and the Maildirs of inbound. Everything else a run makes anew from the estate. Queues
are not kept: a copy would be delivered twice.
"""

from __future__ import annotations

import base64
import binascii
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from postroad.paths import CONFIG, MAILBOXES, MAKE_RUN_FOLDER, OPENED
from postroad.settings.model import STREAM_NAMES

CERTBOT = "/etc/letsencrypt"

PLACES = (
    *(f"{CONFIG}/{stream}/keys" for stream in STREAM_NAMES),
    *(f"{CONFIG}/{stream}/pause" for stream in STREAM_NAMES),
    OPENED,
    *(f"{CERTBOT}/{folder}" for folder in ("accounts", "archive", "live", "renewal")),
    MAILBOXES,
)

#: Shell that prints the archive in base64, all of it on one line. It succeeds where nothing is.
SAVE = (
    "cd / && for p in "
    + " ".join(place.lstrip("/") for place in PLACES)
    + '; do [ ! -e "$p" ] || echo "$p"; done'
    + " | tar -c --verbatim-files-from -T - 2>/dev/null | base64 -w0; echo"
)


@dataclass(frozen=True, slots=True)
class Backup:
    """What is kept of one host: a tar archive, and secret."""

    host: str
    archive: bytes = field(repr=False)


def archive_name(host: str) -> str:
    """The file of a host in the folder of backups; an inventory's names may hold slashes."""
    return f"{host.replace('/', '-')}.tar"


class NoBackupError(ValueError):
    """A file that is not a backup of ours; the message says why."""


def checked(archive: bytes) -> tuple[str, ...]:
    """The members of a backup. NoBackupError where it is none, or would write anywhere else."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            members = tar.getmembers()
    except tarfile.TarError as error:
        raise NoBackupError(f"it is no tar archive: {error}") from None
    for member in members:
        if fault := _fault(member):
            raise NoBackupError(f"{member.name!r} {fault}")
    if not any(member.name.endswith(".pem") for member in members):
        raise NoBackupError("it holds no key")
    return tuple(member.name for member in members)


def _fault(member: tarfile.TarInfo) -> str:
    path = PurePosixPath("/") / member.name
    if ".." in path.parts or not any(path.is_relative_to(place) for place in PLACES):
        return "is outside of what a backup holds"
    if member.islnk() or not (member.isfile() or member.isdir() or member.issym()):
        return "is neither file, folder nor symbolic link"
    # certbot's live/ points into archive/, beside it.
    target = PurePosixPath(member.linkname)
    if member.issym() and (target.is_absolute() or not _stays(path.parent, target)):
        return f"is a link to {member.linkname}, outside of what a backup holds"
    return ""


def _stays(folder: PurePosixPath, target: PurePosixPath) -> bool:
    parts = list(folder.parts)
    for part in target.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
        if not parts:
            return False
    return PurePosixPath(*parts).is_relative_to(CERTBOT)


def decoded(lines: list[str]) -> bytes:
    """The archive that `SAVE` has printed; NoBackupError where it was cut off."""
    try:
        return base64.b64decode("".join(lines), validate=True)
    except binascii.Error as error:
        raise NoBackupError(f"the host's answer was cut off: {error}") from None


def script(archive: bytes) -> str:
    """Shell that puts the members of ``archive`` back, owners by their names and modes as kept."""
    lines = list(_wrapped(base64.b64encode(archive).decode()))
    return (
        "\n".join(
            [
                "postroad() {",
                "set -eu; umask 077",
                # Whole before anything of it is written: a run that dies leaves keys or none.
                f"{MAKE_RUN_FOLDER}; kept=$(mktemp -d /run/postroad/restore.XXXXXX)",
                "trap 'rm -rf \"$kept\"' EXIT",
                "base64 -d > \"$kept/tar\" <<'POSTROAD_END'",
                *lines,
                "POSTROAD_END",
                'tar -t -f "$kept/tar" >/dev/null',
                # Members have their own modes; the folders above them must let daemons through.
                "umask 022",
                'tar -C / -x -p --same-owner --no-overwrite-dir -f "$kept/tar"',
                "}",
                "postroad </dev/null",
            ]
        )
        + "\n"
    )


def _wrapped(text: str) -> Iterator[str]:
    for start in range(0, len(text), 76):
        yield text[start : start + 76]
