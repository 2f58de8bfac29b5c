"""The DKIM keys a host must have, and the shell that makes or mends them. Pure."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from postroad.host import shell
from postroad.host.found import FileState, HostState
from postroad.host.paths import CONFIG, key_folder, key_path, stream_folder
from postroad.host.shell import FOLDER, RIGHTS
from postroad.mail.return_paths import kept_seconds
from postroad.mail.signing.found import KEYS, KeyState
from postroad.settings.model import Estate, Host, OnHost, StreamName, SuppliedKey

OWNER = "opendkim"
BITS = 2048
# How a `KeyFault` calls a file that no run replaces.
NO_KEY = "is not a private key"

# The signer reads its keys, and root alone makes and removes files beside them: a signer that was
# taken over could else put links where root writes the next key.
FOLDER_RIGHTS = ("root", OWNER, 0o750)
_KEY = (OWNER, OWNER, 0o600)


@dataclass(frozen=True, slots=True)
class WantedKey:
    """One key of one stream and sending domain; ``supplied`` where the operator brings it.

    A key made on the host is named after the month it was made in (UTC) and the host's label: the
    date stands in its file's name and is read back from there, never from the clock of a later run.
    """

    stream: StreamName
    domain: str
    label: str
    supplied: SuppliedKey | None


@dataclass(frozen=True, slots=True)
class KeyFault:
    """A key that is missing, or a place of it whose owner or mode is wrong.

    ``is_planted``: something else stands in its place, and no run mends it.
    """

    key: WantedKey
    path: str
    how: str
    is_planted: bool = False

    def __str__(self) -> str:
        return f"{self.path} ({self.how})"


@dataclass(frozen=True, slots=True)
class OrphanStep:
    """One thing to do to a key whose domain was taken away; ``how`` is it in words."""

    how: Literal["declared again", "kept until its mail has been read", "to be removed"]
    key: KeyState

    def __str__(self) -> str:
        return f"{self.key} ({self.how})"


def wanted_keys(estate: Estate, host: Host) -> Iterator[WantedKey]:
    """Every key that ``host`` must have, in the order of its streams and their domains."""
    supplied = {(k.host, k.stream, k.domain): k for k in estate.supplied_keys}
    for stream, way in estate.streams_of(host):
        for domain in stream.from_domains:
            own = supplied.get((host.name, stream.name, domain))
            yield WantedKey(stream.name, domain, way.selector_label, own)


def signing_keys(estate: Estate, host: Host, found: Iterable[KeyState]) -> tuple[KeyState, ...]:
    """The keys of ``found`` that sign: at most one a stream and sending domain.

    That is the supplied one where the operator brings one. Of those made here it is the one that
    began to sign last; where none was ever rotated, the newest.
    """
    there = tuple(found)
    chosen = (signing_key(key, there) for key in wanted_keys(estate, host))
    return tuple(key for key in chosen if key is not None)


def signing_key(key: WantedKey, found: Iterable[KeyState]) -> KeyState | None:
    """The one of ``found`` that signs for ``key``; None where none can."""
    mine = _of(key, found)
    if key.supplied is not None:
        return next(mine, None)
    return max((k for k in mine if k.life.revoked is None), default=None, key=_in_order)


def published_keys(estate: Estate, host: Host, found: Iterable[KeyState]) -> Iterator[KeyState]:
    """The keys of ``found`` whose records belong in the DNS: also those before and after signing.

    Revoked ones are among them, until they are withdrawn: their record says so (RFC 6376 §3.6.1).
    """
    there = tuple(found)
    for key in wanted_keys(estate, host):
        signing = signing_key(key, there)
        for one in _of(key, there):
            is_known = bool(one.public_key) or one.life.revoked is not None
            if one == signing or (is_known and one.life.withdrawn is None):
                yield one


def withdrawn_keys(estate: Estate, host: Host, found: Iterable[KeyState]) -> Iterator[KeyState]:
    """The keys of ``found`` whose records do not belong in the DNS any more."""
    there = tuple(found)
    for key in wanted_keys(estate, host):
        yield from (one for one in _of(key, there) if one.life.withdrawn is not None)


def orphaned_keys(estate: Estate, host: Host, found: Iterable[KeyState]) -> tuple[KeyState, ...]:
    """The keys of the host's streams that are none of the estate's: of domains taken away.

    A file in a key's place that holds no key is not among them: somebody has to look at it.
    """
    there = tuple(found)
    ours = {one for key in wanted_keys(estate, host) for one in _of(key, there)}
    return tuple(one for one in there if one.stream in host.streams and one not in ours)


def orphan_steps(
    estate: Estate, host: Host, found: Iterable[KeyState], now: float, oldest: float | None
) -> tuple[OrphanStep, ...]:
    """What is to be done to keys of domains that were taken away, or that have come back.

    Their records are read as long as mail may be under way that they signed, so that they are kept
    for as long as return paths. ``oldest`` is since when the oldest mail of the host waits (None:
    it was not asked): what waits may have been signed.
    """
    there = tuple(found)
    orphans = orphaned_keys(estate, host, there)
    steps = []
    for key in there:
        since = key.life.orphaned
        if key not in orphans:
            if since is not None and key.stream in host.streams:
                steps.append(OrphanStep("declared again", key))
        elif since is None:
            steps.append(OrphanStep("kept until its mail has been read", key))
        elif now >= since + kept_seconds(estate) and oldest is not None and oldest > since:
            steps.append(OrphanStep("to be removed", key))
    return tuple(steps)


def former_keys(estate: Estate, host: Host, found: Iterable[KeyState]) -> tuple[KeyState, ...]:
    """The keys of ``found`` that sign nothing new, and whose records may still be read.

    Those of domains that were taken away, and of streams that were and are still on the host.
    """
    there = tuple(found)
    ours = {one for key in wanted_keys(estate, host) for one in _of(key, there)}
    return tuple(k for k in there if k not in ours and k.public_key and k.life.revoked is None)


def _of(key: WantedKey, found: Iterable[KeyState]) -> Iterator[KeyState]:
    """The keys of ``found`` that are, were or may become ``key``."""
    for one in found:
        if (one.stream, one.domain) == (key.stream, key.domain):
            if key.supplied is not None:
                is_mine = one.selector == key.supplied.selector
            else:
                is_mine = is_made_here(key, one.selector)
            if is_mine:
                yield one


def is_made_here(key: WantedKey, selector: str) -> bool:
    """Whether ``selector`` is one that this host gives to its own keys for ``key``."""
    month = "[1-9][0-9]{3}(?:0[1-9]|1[0-2])"
    return re.fullmatch(rf"{month}[a-z]?-{re.escape(key.label)}", selector) is not None


def _in_order(key: KeyState) -> tuple[float, str]:
    began = key.life.active
    return -1.0 if began is None else began, key.selector


def key_faults(estate: Estate, host: Host, state: HostState) -> tuple[KeyFault, ...]:
    """What of the host's keys is not as it must be."""
    return tuple(f for key in wanted_keys(estate, host) for f in _faults(key, state))


def _faults(key: WantedKey, state: HostState) -> Iterator[KeyFault]:
    yield from _planted(key, state)
    found = signing_key(key, state[KEYS])
    folder = key_folder(key.stream, key.domain)
    if found is None:
        name = key.supplied.selector if key.supplied else f"*-{key.label}"
        yield KeyFault(key, f"{folder}/{name}.pem", "missing")
        return
    path = key_path(key.stream, key.domain, found.selector)
    for place, rights in (
        (f"{stream_folder(key.stream)}/keys", FOLDER_RIGHTS),
        (folder, FOLDER_RIGHTS),
        (path, _KEY),
    ):
        how = _rights_fault(state.files.get(place), *rights)
        if how:
            yield KeyFault(key, place, how)
    if not found.public_key:
        yield KeyFault(key, path, NO_KEY)


def _planted(key: WantedKey, state: HostState) -> Iterator[KeyFault]:
    """What is neither file nor folder where the key is kept, and would lead root elsewhere."""
    folder = key_folder(key.stream, key.domain)
    for path, found in state.files.items():
        is_folder = path in (f"{stream_folder(key.stream)}/keys", folder)
        wanted = "directory" if is_folder else "file"
        if (is_folder or path.startswith(f"{folder}/")) and found.kind != wanted:
            yield KeyFault(key, path, f"is a {found.kind}, not a {wanted}", is_planted=True)


def _rights_fault(found: FileState | None, owner: str, group: str, mode: int) -> str:
    if found is None:
        return "missing"
    if (found.owner, found.group) != (owner, group):
        return f"owner {found.owner}:{found.group}, not {owner}:{group}"
    return "" if found.mode == mode else f"mode {found.mode:04o}, not {mode:04o}"


def script(faults: tuple[KeyFault, ...], secrets: Mapping[str, str]) -> str:
    """Shell that makes missing keys and mends rights; ``secrets`` holds supplied keys by path.

    Where something was planted, it names that and changes nothing.
    """
    lines = []
    planted = [fault for fault in faults if fault.is_planted]
    for fault in planted:
        said = f"{fault}: nothing was changed; look who made it, and remove it"
        lines.append(f"echo {shlex.quote(said)} >&2")
    if planted:
        lines.append("exit 1")
    for fault in faults:
        lines += _mend(fault, secrets)
    return shell.script(lines, FOLDER, RIGHTS)


def _taken_over(there: str, path: str) -> Iterator[str]:
    """Shell that copies a key that was on the host before; refused where it is none.

    Its folder is somebody else's, as a hand-made signer's often is its signer's: it is read from
    the folder that the shell stands in, and never through a link.
    """
    folder, _, name = there.rpartition("/")
    ours = shlex.quote(path)
    linked = shlex.quote(f"{there} is reached by a link: write where the file itself is")
    complaint = shlex.quote(f"{there} is not a private key in PEM form: nothing was taken over")
    yield f"cd {shlex.quote(folder or '/')}"
    yield f'[ "$(pwd -P)" = {shlex.quote(folder or "/")} ] || {{ echo {linked} >&2; exit 1; }}'
    # What fails from here on is the reading: dd(1) says of neither which it was.
    yield f"rm -f {ours}.new; : > {ours}.new"
    yield (
        f"dd if=./{shlex.quote(name)} iflag=nofollow,nonblock of={ours}.new status=none 2>/dev/null"
        f" || {{ rm -f {ours}.new; echo {linked} >&2; exit 1; }}"
    )
    yield (
        f"openssl pkey -in {ours}.new -passin pass: -noout 2>/dev/null "
        f"|| {{ rm -f {ours}.new; echo {complaint} >&2; exit 1; }}"
    )
    yield f"rights {ours}.new {OWNER}:{OWNER} 00600"
    yield f"mv -fT {ours}.new {ours}; cd /"


def making(folder: str, selector: str) -> Iterator[str]:
    """Shell that makes a key below ``folder``; both words are quoted already. None is replaced."""
    # A run that was killed may have left its own.
    yield f"rm -f {folder}/.new.*; new=$(mktemp {folder}/.new.XXXXXX)"
    yield (
        f'openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:{BITS} -out "$new" 2>/dev/null'
    )
    yield f'chown -h {OWNER}:{OWNER} "$new"; chmod 600 "$new"'
    yield f'mv -nT "$new" {folder}/{selector}.pem; rm -f "$new"'


def folders_of(key: WantedKey) -> Iterator[str]:
    """Shell (`FOLDER`) that makes the folder of ``key``, and those above, root's."""
    for path in (CONFIG, stream_folder(key.stream)):
        yield f"folder {path} root:root 00755"
    for path in key_folders(key):
        yield f"folder {shlex.quote(path)} root:{OWNER} 00750"


def key_folders(key: WantedKey) -> tuple[str, str]:
    """The folder of a stream's keys, and that of ``key`` in it."""
    return f"{stream_folder(key.stream)}/keys", key_folder(key.stream, key.domain)


def _mend(fault: KeyFault, secrets: Mapping[str, str]) -> Iterator[str]:
    key = fault.key
    folder = shlex.quote(key_folder(key.stream, key.domain))
    yield from folders_of(key)
    if fault.how == "missing" and key.supplied is not None:
        path = key_path(key.stream, key.domain, key.supplied.selector)
        if isinstance(key.supplied.key, OnHost):
            yield from _taken_over(key.supplied.key.path, path)
            return
        payload = base64.b64encode(secrets[path].encode()).decode()
        new = f"{shlex.quote(path)}.new"
        yield f"rm -f {new}; base64 -d > {new} <<'POSTROAD_END'\n{payload}\nPOSTROAD_END"
        yield f"rights {new} {OWNER}:{OWNER} 00600"
        yield f"mv -fT {new} {shlex.quote(path)}"
    elif fault.how == "missing":
        yield from making(folder, f'"$(date -u +%Y%m)-{key.label}"')
    elif fault.how == NO_KEY:
        yield f"echo {shlex.quote(f'{fault.path} {NO_KEY}: remove or restore it')} >&2"
        yield "exit 1"
    elif fault.path.endswith(".pem"):
        yield f"rights {shlex.quote(fault.path)} {OWNER}:{OWNER} 00600"
