"""The archive of one host: asked for, taken apart, and judged before it is used. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from postroad.host.asked import Asking
from postroad.host.paths import ACME_ARCHIVE
from postroad.mail.backup.places import (
    CERTIFICATE,
    CERTIFICATE_KEY,
    FORMERLY,
    KEY,
    KINDS,
    LARGE,
    PLACES,
    Kind,
    certificates,
    kind_of,
    private_key,
)
from postroad.mail.backup.tar import Member, TarError, members

#: The argument of `SAVED`.
QUESTION = json.dumps(
    {"places": PLACES, "kinds": [[kind.path.pattern, kind.limit] for kind in KINDS]}
)

# certbot's live/ points into archive/ beside it; which of its files is made anew.
_LIVE = re.compile(r"/etc/letsencrypt/live/([A-Za-z0-9._-]+)/(cert|chain|fullchain|privkey)\.pem")
_CERTIFICATE = ("cert", "chain", "fullchain", "privkey")


class NoBackupError(ValueError):
    """A file that is not a backup of ours; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host gave, secret and not judged yet; and what it ``left_out``, with the reason."""

    archive: bytes = field(repr=False)
    left_out: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A file of a backup: where it goes, and what it is."""

    path: str
    kind: Kind = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Backup:
    """What is kept of one host, judged. ``passed_over`` are the members that are not put back."""

    pieces: tuple[Piece, ...]
    passed_over: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[tuple[str, str, str], ...]:
        """The DKIM keys: stream, sending domain and selector of each."""
        paths = (piece.path.split("/") for piece in self.pieces if piece.kind is KEY)
        return tuple((path[3], path[5], path[6].removesuffix(".pem")) for path in paths)


def archive_name(host: str) -> str:
    """The file of a host in the folder of backups; an inventory's names may hold slashes."""
    return f"{host.replace('/', '-')}.tar"


def decoded(lines: Sequence[str]) -> Answer:
    """What the host has printed; NoBackupError where it was cut off, or says something else."""
    try:
        *pieces, said = lines
        left_out = tuple((str(path), str(why)) for path, why in json.loads(said))
        return Answer(b"".join(base64.b64decode(one, validate=True) for one in pieces), left_out)
    except (binascii.Error, ValueError, TypeError):
        raise NoBackupError("the host's answer was cut off") from None


#: A tar archive of `PLACES`, secret. Mailboxes may be large, and the way narrow.
SAVED: Asking[Answer] = Asking("backup", "what is to be kept of it", decoded, 1800)


def checked(archive: bytes) -> Backup:
    """A backup, every member of it judged. NoBackupError at the first that has no place in one."""
    pieces: dict[str, Piece] = {}
    passed_over = []
    seen: set[str] = set()
    try:
        for member in members(archive, LARGE):
            path = _path(member)
            if path in seen:
                raise NoBackupError(f"{member.name!a} is in it twice")
            seen.add(path)
            piece = _piece(member, path)
            if piece is not None:
                pieces[path] = piece
            elif member.kind == "file":
                passed_over.append(path)
    except TarError as error:
        raise NoBackupError(str(error)) from None
    backup = Backup((*_but_certificates(pieces), *_certificate(pieces)), tuple(passed_over))
    if not backup.keys:
        raise NoBackupError("it holds no key")
    return backup


def _path(member: Member) -> str:
    parts = member.name.split("/")
    if not all(parts) or ".." in parts or "." in parts:
        raise NoBackupError(f"{member.name!a} is outside of what a backup holds")
    return f"/{member.name}"


def _piece(member: Member, path: str) -> Piece | None:
    """The file that a member is; None where it is passed over."""
    if member.kind == "link":
        _refuse_link(member, path)
        return None
    if member.kind == "folder":
        _refuse_folder(member, path)
        return None
    kind = kind_of(path)
    if kind is None:
        if FORMERLY.fullmatch(path):
            return None
        raise NoBackupError(f"{member.name!a} is outside of what a backup holds")
    if len(member.content) > kind.limit:
        raise NoBackupError(f"{member.name!a} is larger than {kind.limit} octets")
    if fault := kind.wrong(member.content):
        raise NoBackupError(f"{member.name!a} {fault}")
    return Piece(path, kind, member.content)


def _refuse_link(member: Member, path: str) -> None:
    met = _LIVE.fullmatch(path)
    if not met or not re.fullmatch(rf"\.\./\.\./archive/{met[1]}/{met[2]}\d+\.pem", member.target):
        raise NoBackupError(f"{member.name!a} is a link to {member.target!a}: a backup holds files")


def _refuse_folder(member: Member, path: str) -> None:
    if not (FORMERLY.fullmatch(f"{path}/") or any(_meet(path, place) for place in PLACES)):
        raise NoBackupError(f"{member.name!a} is outside of what a backup holds")


def _meet(folder: str, place: str) -> bool:
    """Whether ``folder`` is above ``place``, or below it, or the place itself."""
    return f"{place}/".startswith(f"{folder}/") or folder.startswith(f"{place}/")


def _but_certificates(pieces: dict[str, Piece]) -> Iterator[Piece]:
    yield from (p for p in pieces.values() if p.kind not in (CERTIFICATE, CERTIFICATE_KEY))


def _certificate(pieces: dict[str, Piece]) -> tuple[Piece, ...]:
    """The newest certificate that is there as a whole, its own files alone."""
    numbers = {
        int(met[1])
        for path in pieces
        if (met := re.fullmatch(rf"{ACME_ARCHIVE}/cert(\d+)\.pem", path))
    }
    for number in sorted(numbers, reverse=True):
        paths = [f"{ACME_ARCHIVE}/{name}{number}.pem" for name in _CERTIFICATE]
        if all(path in pieces for path in paths):
            cert, _, fullchain, privkey = (pieces[path] for path in paths)
            _refuse_stranger(cert, fullchain, privkey)
            return tuple(pieces[path] for path in paths)
    return ()


def _refuse_stranger(cert: Piece, fullchain: Piece, privkey: Piece) -> None:
    """What is served is the certificate of the key beside it."""
    key = private_key(privkey.content)
    served = certificates(fullchain.content)[0]
    if served != certificates(cert.content)[0]:
        raise NoBackupError(f"{fullchain.path[1:]!a} begins with another certificate than its own")
    if key is None or served.public_key() != key.public_key():
        raise NoBackupError(f"{privkey.path[1:]!a} is not the key of the certificate beside it")
