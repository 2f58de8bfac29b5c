"""Postfix's files as Postfix reads them: continued lines joined, a pcre table asked."""

from __future__ import annotations

import re


def logical(text: str) -> list[str]:
    """The lines of main.cf or master.cf as postconf(5) joins them; no comment, no empty one."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line[0].isspace():
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.rstrip())
    return lines


def pcre(text: str, subject: str) -> str | None:
    """What a pcre_table(5) answers: the first match wins, blocks count where their test matches."""
    passed_over = 0
    for line in logical(text):
        if line == "endif":
            passed_over = max(0, passed_over - 1)
            continue
        rule = re.fullmatch(r"(if )?/([^/]*)/(x?) ?(.*)", line)
        assert rule, line
        # pcre_table(5): case-insensitive, and a dot matches a line's end, unless told otherwise.
        flags = re.IGNORECASE | re.DOTALL | (re.VERBOSE if rule[3] else re.NOFLAG)
        found = re.search(rule[2], subject, flags)
        if rule[1]:
            passed_over += passed_over > 0 or found is None
        elif found and not passed_over:
            return re.sub(r"\$(\d)", lambda n, m=found: m[int(n[1])], rule[4])
    return None
