"""Runs on a host: finds the log lines of messages, as JSON. It imports nothing of postroad.

Arguments: what is looked for (a queue id, a Message-ID, a recipient's address), then the instances'
names. Output: {instance: {"messages": {queue id: [line, ...]}, "refused": [line, ...], "more": n}};
the newest messages, and the lines of each in their order. Written for Python 3.9.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]

LOGS = Path("/var/log/postroad")
# An address may have had thousands of mails, and been refused as often; a person reads the last.
MOST_MESSAGES = 20
MOST_REFUSALS = 20

# postfix(1): "… postfix-marketing/smtpd[123]: 4XyZ: client=…". A queue id has no vowels in its long
# form (postconf(5), enable_long_queue_ids), and is hexadecimal in the short one.
OF_MESSAGE = re.compile(r"\]: ([0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,20}|[0-9A-F]{5,20}): ")
REFUSED = "]: NOQUEUE: "


def main() -> None:
    """Look into the logs of every instance."""
    what, *instances = sys.argv[1:]
    json.dump({name: found(what, name) for name in instances}, sys.stdout)


def found(what: str, instance: str) -> Json:
    """All that one instance's logs have about ``what``."""
    ids, refused = hits(wanted(what), lines(instance))
    newest = ids[-MOST_MESSAGES:]
    messages: dict[str, list[str]] = {name: [] for name in newest}
    for line in lines(instance):
        met = OF_MESSAGE.search(line)
        if met is not None and met[1] in messages:
            messages[met[1]].append(line)
    for line in signer(instance, newest):
        met = OF_MESSAGE.search(line)
        if met is not None and met[1] in messages:
            messages[met[1]].append(line)
    more = len(ids) - len(newest)
    return {"messages": messages, "refused": refused[-MOST_REFUSALS:], "more": more}


def wanted(what: str) -> re.Pattern[str]:
    """A pattern for lines that are about it: never a part of a longer id or address."""
    if OF_MESSAGE.fullmatch(f"]: {what}: "):
        return re.compile(rf"\]: {what}: ")
    return re.compile(rf"<{re.escape(what.strip('<>'))}>", re.IGNORECASE)


def hits(pattern: re.Pattern[str], known: Iterable[str]) -> tuple[list[str], list[str]]:
    """The queue ids in the order of their last lines that fit, and refusals without an id."""
    ids: dict[str, None] = {}
    refused: list[str] = []
    for line in known:
        if not pattern.search(line):
            continue
        met = OF_MESSAGE.search(line)
        if met is not None:
            ids.pop(met[1], None)
            ids[met[1]] = None
        elif REFUSED in line:
            refused.append(line)
    return list(ids), refused


def lines(instance: str) -> Iterator[str]:
    """Every line of the instance's logs, the oldest first; rotated ones have their day's name."""
    current = LOGS / f"{instance}.log"
    for place in sorted(LOGS.glob(f"{instance}.log*"), key=lambda p: (p == current, p.name)):
        if place.is_symlink() or not place.is_file():
            continue
        opened = gzip.open if place.suffix == ".gz" else open
        with opened(place, "rt", encoding="utf-8", errors="replace") as log:
            for line in log:
                yield line.rstrip("\n")


def signer(instance: str, ids: list[str]) -> Iterator[str]:
    """What the stream's signer has said of these messages, where the journal still has it."""
    if not ids:
        return
    unit = f"postroad-dkim@{instance}.service"
    asked = ["journalctl", "--quiet", "--no-pager", "-o", "short", "-u", unit, "-g", "|".join(ids)]
    said = subprocess.run(
        asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False
    )
    yield from said.stdout.splitlines()


if __name__ == "__main__":
    main()
