"""Putting a backup on a host: an archive of our own making, and the shell that spreads it. Pure."""

from __future__ import annotations

import base64
import io
import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from postroad.host import shell
from postroad.host.paths import (
    ACME_ARCHIVE,
    ACME_LINEAGE,
    ACME_LIVE,
    ACME_RENEWAL,
    CONFIG,
    MAILBOX_USER,
    MAILBOXES,
    STATE,
    pause_path,
)
from postroad.host.shell import FOLDER
from postroad.mail.backup.archive import Backup, Piece
from postroad.mail.backup.places import (
    ACCOUNT,
    ACCOUNT_KEY,
    ACCOUNTS,
    BOXES,
    CERTIFICATE,
    CERTIFICATE_KEY,
    private_key,
)
from postroad.mail.certificate import wanted_renewal
from postroad.mail.signing.keys import OWNER as SIGNER
from postroad.settings.model import STREAM_NAMES, AcmeTls, Dns01, Estate

_STAGED = f"{STATE}/restoring"
_CERTBOT = (CERTIFICATE, CERTIFICATE_KEY, ACCOUNT, ACCOUNT_KEY)


def script(backup: Backup, estate: Estate) -> str:
    """Shell that puts ``backup`` on a host of ``estate``, owners and modes as a run makes them.

    All of it is first in a folder of root's. What is there already is never replaced, and the keys
    come last, one rename a stream: a run that was killed before is completed by the next.
    """
    pieces = tuple(_wanted(backup.pieces, estate))
    lines = _wrapped(base64.b64encode(_archive(pieces, estate)).decode())
    return shell.script(
        [
            f"kept={_STAGED}; mkdir -p {STATE}; chmod 755 {STATE}; rm -rf $kept; mkdir $kept",
            "trap 'rm -rf \"$kept\"' EXIT",
            "base64 -d > \"$kept/tar\" <<'POSTROAD_END'",
            *lines,
            "POSTROAD_END",
            # -m: mail that is put back is as old as that, or it would go at once for its age.
            'mkdir "$kept/root"; tar -C "$kept/root" -x -p -m --same-owner -f "$kept/tar"',
            # By way of a name beside it: what is moved from another file system comes in parts.
            'put() { if [ ! -e "$kept/root$1" ]; then return; fi; '
            'if [ -e "$1" ] || [ -L "$1" ]; then '
            'echo "$1 is there, and stays" >&2; return; fi; '
            'rm -rf "$1.postroad-new"; mv -T "$kept/root$1" "$1.postroad-new"; '
            'mv -T "$1.postroad-new" "$1"; }',
            *_folders(pieces),
            *(f"put {path}" for path in _put(pieces)),
        ],
        FOLDER,
    )


def _wanted(pieces: Iterable[Piece], estate: Estate) -> Iterator[Piece]:
    """Those that the estate has a use for: a certificate and accounts of its own authority."""
    for piece in pieces:
        if piece.kind not in _CERTBOT or (
            isinstance(estate.tls, AcmeTls)
            and (
                piece.kind in (CERTIFICATE, CERTIFICATE_KEY)
                or piece.path.startswith(f"{_authority(estate.tls)}/")
            )
        ):
            yield piece


def _authority(tls: AcmeTls) -> str:
    """Where certbot keeps its accounts with the declared authority."""
    address = urlsplit(tls.directory)
    return f"{ACCOUNTS}/{address.netloc}{address.path}".rstrip("/")


def _folders(pieces: tuple[Piece, ...]) -> Iterator[str]:
    """Shell that makes the folders above what is put, where there is something."""
    paths = [piece.path for piece in pieces]
    if any(piece.kind in _CERTBOT for piece in pieces):
        # certbot's own, with its modes; the package may have made some of them.
        yield "folder /etc/letsencrypt root:root 00755"
        for name, mode in (("accounts", 700), ("archive", 700), ("live", 700), ("renewal", 755)):
            yield f"folder /etc/letsencrypt/{name} root:root 00{mode}"
    if any(path.startswith(f"{MAILBOXES}/") for path in paths):
        yield f"folder {MAILBOXES} root:{MAILBOX_USER} 00750"
    for place in (CONFIG, *(f"{CONFIG}/{stream}" for stream in STREAM_NAMES)):
        if any(path.startswith(f"{place}/") for path in paths):
            yield f"folder {place} root:root 00755"
    for account in _accounts(pieces):
        above = PurePosixPath(account).relative_to(ACCOUNTS).parents
        for folder in reversed([f"{ACCOUNTS}/{one}" for one in above if str(one) != "."]):
            yield f"folder {folder} root:root 00700"
    for stream in STREAM_NAMES:
        # Of a run that got no further.
        keys = f"{CONFIG}/{stream}/keys"
        yield f"if [ -d {keys} ]; then find {keys} -depth -type d -empty -delete; fi"


def _put(pieces: tuple[Piece, ...]) -> Iterator[str]:
    yield from (f"{MAILBOXES}/{box}" for box in BOXES)
    yield from _accounts(pieces)
    yield from (ACME_ARCHIVE, ACME_RENEWAL, ACME_LIVE)
    for stream in STREAM_NAMES:
        yield pause_path(stream)
    yield from (f"{CONFIG}/{stream}/keys" for stream in STREAM_NAMES)


def _accounts(pieces: Iterable[Piece]) -> tuple[str, ...]:
    """The folders of the accounts that have a key."""
    found = (p.path.rpartition("/")[0] for p in pieces if p.kind is ACCOUNT_KEY)
    return tuple(sorted(found))


def _archive(pieces: tuple[Piece, ...], estate: Estate) -> bytes:
    """The archive that the host takes apart: nothing in its headers is the backup's."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for folder in _folders_of(pieces):
            tar.addfile(folder)
        for piece in pieces:
            _add(tar, piece.path, piece.content, piece.kind.owner, piece.kind.mode)
        for path, content in _renewal(pieces, estate):
            _add(tar, path, content, "root", 0o644)
        for link in _live(pieces):
            tar.addfile(link)
    return made.getvalue()


def _add(tar: tarfile.TarFile, path: str, content: bytes, owner: str, mode: int) -> None:
    header = tarfile.TarInfo(path.lstrip("/"))
    header.uname = header.gname = owner
    header.mode, header.size = mode, len(content)
    tar.addfile(header, io.BytesIO(content))


def _folders_of(pieces: Iterable[Piece]) -> Iterator[tarfile.TarInfo]:
    above = {parent for p in pieces for parent in PurePosixPath(p.path).parents}
    for folder in sorted(above - {PurePosixPath("/")}):
        header = tarfile.TarInfo(str(folder).lstrip("/"))
        header.type = tarfile.DIRTYPE
        header.uname, header.gname, header.mode = _rights(str(folder))
        yield header


def _rights(folder: str) -> tuple[str, str, int]:
    if re.match(rf"{MAILBOXES}/.", folder):
        return MAILBOX_USER, MAILBOX_USER, 0o700
    if re.match(rf"{CONFIG}/[a-z]+/keys(/|$)", folder):
        return "root", SIGNER, 0o750
    return "root", "root", 0o755 if folder == ACME_ARCHIVE else 0o700


def _newest(pieces: Iterable[Piece]) -> Piece | None:
    return next((p for p in pieces if p.kind is CERTIFICATE_KEY), None)


def _live(pieces: tuple[Piece, ...]) -> Iterator[tarfile.TarInfo]:
    """certbot's live/: links to the certificate beside it."""
    for piece in pieces:
        if piece.kind in (CERTIFICATE, CERTIFICATE_KEY):
            name = piece.path.rpartition("/")[2]
            header = tarfile.TarInfo(f"{ACME_LIVE.lstrip('/')}/{re.sub('[0-9]', '', name)}")
            header.type, header.mode = tarfile.SYMTYPE, 0o777
            header.linkname = f"../../archive/{ACME_LINEAGE}/{name}"
            yield header


def _renewal(pieces: tuple[Piece, ...], estate: Estate) -> Iterator[tuple[str, bytes]]:
    """How certbot renews the certificate, by what is declared; nothing without an account.

    Then the run asks for a new one.
    """
    newest, accounts = _newest(pieces), _accounts(pieces)
    if newest is None or not accounts or not isinstance(estate.tls, AcmeTls):
        return
    is_rsa = isinstance(private_key(newest.content), RSAPrivateKey)
    values = {
        **wanted_renewal(estate.tls),
        "account": accounts[-1].rpartition("/")[2],
        "key_type": "rsa" if is_rsa else "ecdsa",
        "pref_challs": "dns-01," if isinstance(estate.tls.challenge, Dns01) else "http-01,",
    }
    files = {name: f"{ACME_LIVE}/{name}.pem" for name in ("cert", "privkey", "chain", "fullchain")}
    lines = [f"{name} = {value}" for name, value in {"archive_dir": ACME_ARCHIVE, **files}.items()]
    lines += ["[renewalparams]", *(f"{name} = {value}" for name, value in values.items())]
    yield ACME_RENEWAL, ("\n".join(lines) + "\n").encode()


def _wrapped(text: str) -> Iterator[str]:
    for start in range(0, len(text), 76):
        yield text[start : start + 76]
