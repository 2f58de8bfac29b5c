"""What is found of DKIM keys on a host: those that sign, and those to be taken over. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from postroad.host.reading import Reading, Sections, section
from postroad.host.told import numbers, split, time


@dataclass(frozen=True, slots=True)
class KeyLife:
    """What has become of a DKIM key so far: times of the epoch, by the host's own clock.

    ``visible`` is when the world was first seen to see it, ``active`` when it began to sign,
    ``revoked`` when its private half was destroyed, ``withdrawn`` since when it wants no record,
    ``orphaned`` since when its domain is none of its stream's any more.
    """

    visible: float | None = None
    active: float | None = None
    revoked: float | None = None
    withdrawn: float | None = None
    orphaned: float | None = None


@dataclass(frozen=True, slots=True)
class KeyState:
    """A DKIM key on the host: its selector is its file's name.

    ``public_key`` is base64 of the SubjectPublicKeyInfo; empty where the private half is none, or
    is gone (``life.revoked``).
    """

    stream: str
    domain: str
    selector: str
    public_key: str
    life: KeyLife = KeyLife()

    def __str__(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"


# A line of a key's life; a file that says anything else was not written by a run.
_LIFE = r"^(visible|active|revoked|withdrawn|orphaned) [0-9]+(\.[0-9]+)?$"


def key_places(folder: str) -> str:
    """find(1) for what is where keys are kept. It goes through no link, as a pattern of the shell
    does: what the signer's user could once make there may lead anywhere, or never end (fifo(7)).
    """
    odd = "-name '*[!A-Za-z0-9._-]*'"
    return f"find {folder} -mindepth 2 -maxdepth 4 {odd} -prune -o -path '{folder}/*/keys*'"


def keys_shell(folder: str) -> str:
    """Shell that prints what `KEYS` reads of the keys below ``folder``."""
    place = key_places(shlex.quote(folder))
    return "\n".join(
        [
            f"m keys; for f in $({place} -type f -name '*.pem' -print); do",
            'echo "$f $(openssl pkey -in "$f" -pubout -outform DER | base64 -w0)"',
            "done",
            f"m lives; {place} -type f -name '*.life' "
            f"-exec grep -HE -D skip {shlex.quote(_LIFE)} /dev/null {{}} +",
        ]
    )


def offered_shell(paths: Iterable[str]) -> str:
    """Shell that prints the bits of each key at ``paths``, 0 of a file that holds none."""
    return "\n".join(
        [
            f"m offered-keys; for f in {shlex.join(paths)}; do",
            '[ -f "$f" ] && command -v openssl >/dev/null || continue',
            'said=$(openssl pkey -in "$f" -passin pass: -noout -text | head -1)',
            "bits=$(echo \"$said\" | sed -n 's/.*[^0-9]\\([0-9][0-9]*\\) bit.*/\\1/p')",
            'echo "$f ${bits:-0}"; done',
        ]
    )


def _parse(said: Sections) -> tuple[KeyState, ...]:
    return _keys(said["keys"], said["lives"])


def _keys(lines: Iterable[str], lives: Iterable[str]) -> tuple[KeyState, ...]:
    halves = {path.removesuffix(".pem"): public for path, _, public in split(lines, " ")}
    marks: dict[str, dict[str, float]] = {}
    for path, _, mark in split(lives, ":"):
        name, _, at = mark.partition(" ")
        marks.setdefault(path.removesuffix(".life"), {})[name] = time(at)
    keys = []
    for path in sorted({*halves, *marks}):
        stream, _, domain, selector = path.split("/")[-4:]
        life = KeyLife(**marks.get(path, {}))
        # Marks of a key whose file is lost tell nothing; those of a revoked one are all there is.
        if path in halves or life.revoked is not None:
            keys.append(KeyState(stream, domain, selector, halves.get(path, ""), life))
    return tuple(sorted(keys, key=lambda k: (k.stream, k.domain, k.selector)))


KEYS: Reading[tuple[KeyState, ...]] = Reading("keys", _parse, ())
OFFERED_KEYS: Reading[Mapping[str, int]] = Reading(
    "offered-keys", section("offered-keys", numbers), {}
)
