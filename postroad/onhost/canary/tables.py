"""The parameters and tables of the copy, as Postfix reads them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from postroad.onhost.canary.commands import run
from postroad.onhost.canary.places import Canary


def postconf(canary: Canary, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run postconf(1) on the copy of the Postfix instance."""
    return run("postconf", "-c", str(canary.config), *arguments)


def parameter(canary: Canary, name: str) -> str:
    """The value of a main.cf parameter with its $names expanded."""
    return postconf(canary, "-hx", name).stdout.strip()


def postmap(canary: Canary, key: str, maps: str) -> str:
    """What ``maps``, such as texthash:/etc/x, has for ``key``; empty where it has nothing."""
    return run("postmap", "-c", str(canary.config), "-q", key, maps).stdout.strip()


def table(place: Path) -> list[list[str]]:
    """The rows of a table, as words; a pattern of a whole address, or of a domain, as what fits."""
    lines = place.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    rows = (line.split() for line in lines if line.strip() and not line.startswith("#"))
    return [[literal(key), *words] for key, *words in rows]


def literal(key: str) -> str:
    """What the pattern ``/^KEY$/`` or ``/@DOMAIN$/`` stands for; any other key as it is."""
    pattern = re.fullmatch(r"/\^?(.*)\$/", key)
    return re.sub(r"\\(.)", r"\1", pattern.group(1)) if pattern else key
