"""What a hand-made mail server's files say: its settings and its DKIM keys. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from postroad.mail.before.lines import MAIN, OPENDKIM, opendkim_lines

_MARK = "@@survey "

# Key tables stand where opendkim.conf(5) says; a whole path in a row may be that of a key.
PROBE = f"""export LC_ALL=C
m() {{ echo; echo '{_MARK}'"$1"; }}
m opendkim; cat {OPENDKIM} 2>/dev/null
m main; cat {MAIN} 2>/dev/null
m tables; t=$(sed -n 's/^[[:space:]]*KeyTable[[:space:]]*\\(refile:\\|file:\\)*//Ip' {OPENDKIM} \
2>/dev/null | head -1)
[ ! -f "$t" ] || cat "$t" 2>/dev/null
m bits; for f in $( (cat {OPENDKIM} ${{t:+"$t"}} 2>/dev/null) | grep -oE '/[^ :]+' | sort -u); do
[ -f "$f" ] || continue
b=$(openssl pkey -in "$f" -passin pass: -noout -text 2>/dev/null | grep -oE '[0-9]+ bit' | head -1)
[ -z "$b" ] || echo "$f $b"; done
m end
"""

_ROW = re.compile(r"^(\S+)\s+([^:\s]+):([^:\s]+):(\S+)$")


@dataclass(frozen=True, slots=True)
class HandMadeKey:
    """A DKIM key of a hand-made signer: the file that holds it, and how it is published."""

    domain: str
    selector: str
    path: str
    bits: int


@dataclass(frozen=True, slots=True)
class Survey:
    """The texts of a hand-made server's files, empty where there are none, and its keys."""

    opendkim: str = field(default="", repr=False)
    main: str = field(default="", repr=False)
    keys: tuple[HandMadeKey, ...] = ()


def parse(output: Iterable[str]) -> Survey:
    """Read the output of `PROBE`; ValueError where it was cut off."""
    said: dict[str, list[str]] = {}
    part: list[str] = []
    for line in output:
        if line.startswith(_MARK):
            part = said.setdefault(line.removeprefix(_MARK).strip(), [])
        else:
            part.append(line)
    if "end" not in said:
        raise ValueError("the host's answer was cut off before its end")
    opendkim = "\n".join(said["opendkim"]).rstrip()
    bits = {}
    for line in said["bits"]:
        path, _, size = line.partition(" ")
        if size:
            bits[path] = int(size.partition(" ")[0])
    keys = tuple(
        HandMadeKey(domain, selector, path, bits[path])
        for domain, selector, path in (*_rows(said["tables"]), *_single(opendkim))
        if path in bits
    )
    return Survey(opendkim, "\n".join(said["main"]).rstrip(), keys)


def _rows(lines: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    for line in lines:
        if row := _ROW.match(line.partition("#")[0].strip()):
            yield row[2].lower(), row[3], row[4]


def _single(opendkim: str) -> Iterator[tuple[str, str, str]]:
    """The one key of a signer without tables (opendkim.conf(5): Domain, Selector, KeyFile)."""
    value = {line.name.lower(): line.value for line in opendkim_lines(opendkim)}
    if {"domain", "selector", "keyfile"} <= set(value):
        for domain in value["domain"].split(","):
            yield domain.strip().lower(), value["selector"], value["keyfile"]
