"""The canary's copy of the staged files."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from postroad.onhost.canary.commands import run
from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.refusal import RefusedError


def copy_stage(canary: Canary) -> None:
    """Copy the staged files, with their owners and modes, and point them at each other."""
    source = canary.stage / "etc"
    if not source.is_dir():
        raise RefusedError(f"{source}: no such folder; stage the files below their whole paths")
    copied = run("cp", "-a", str(source), str(canary.home))
    if copied.returncode:
        raise RefusedError(copied.stderr)
    staged = [place for place in source.rglob("*") if place.is_file()]
    for place in staged:
        if place.stat().st_mode & 0o022:
            raise RefusedError(f"{place}: its group or everybody may write it")
    for folder, _, _ in os.walk(canary.home / "etc"):
        # The staging folders are root's alone; the daemons are other users.
        os.chmod(folder, 0o755)  # noqa: S103
    paths = [f"/{place.relative_to(canary.stage)}" for place in staged]
    for path in paths:
        redirect(Path(f"{canary.home}{path}"), canary, paths)


def redirect(file: Path, canary: Canary, staged: Sequence[str]) -> None:
    """Make one copied file name the other copies and the canary's sockets."""
    names = "|".join(re.escape(path) for path in sorted(staged, key=len, reverse=True))
    text = file.read_text(encoding="utf-8", errors="surrogateescape")
    text = re.sub(rf"(?<![\w./-])(?:{names})(?![\w/-]|\.\w)", rf"{canary.home}\g<0>", text)
    text = re.sub(
        rf"/run/postroad-(dkim|milter|auth)-{canary.name}\b",
        r"/run/postroad-\1-canary-" + canary.name,
        text,
    )
    text = text.replace("/run/postroad-budget/policy.sock", str(canary.budget))
    file.write_text(text, encoding="utf-8", errors="surrogateescape")


def age(canary: Canary) -> None:
    """Date every copy an hour back: Postfix reads a file that changed within the last second or two
    again and again until it is older, as somebody may still be writing it."""
    then = time.time() - 3600
    for place in (canary.home / "etc").rglob("*"):
        os.utime(place, (then, then))
