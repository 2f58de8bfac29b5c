"""What the daemons' own checkers see without a start."""

from __future__ import annotations

import re
from pathlib import Path

from postroad.onhost.canary.commands import run
from postroad.onhost.canary.keys import check_key, keys
from postroad.onhost.canary.places import Canary
from postroad.onhost.canary.refusal import refuse_words
from postroad.onhost.canary.tables import postconf


def check_tables(canary: Canary) -> None:
    """Refuse what postconf(1), opendkim(8), doveconf(1) or openssl(1) refuse."""
    for flag in ("-n", "-M", "-P"):
        refuse_words("postconf refuses main.cf or master.cf", postconf(canary, flag).stderr)
    if canary.is_stream:
        signer = canary.folder / "opendkim.conf"
        words = run("opendkim", "-n", "-x", str(signer)).stderr
        refuse_words("opendkim refuses opendkim.conf", words + named_line(words, signer))
        logins = run("doveconf", "-n", "-c", str(canary.folder / "dovecot.conf"))
        refuse_words("dovecot refuses dovecot.conf", logins.stderr)
        for key in keys(canary).values():
            check_key(key)


def named_line(words: str, file: Path) -> str:
    """The text of the line whose number opendkim names; it does not name the parameter."""
    number = re.search(r"error at line (\d+)", words)
    lines = file.read_text(errors="replace").splitlines()
    if number is None or not 0 < int(number.group(1)) <= len(lines):
        return ""
    return f"\n{lines[int(number.group(1)) - 1]}"
