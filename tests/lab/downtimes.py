"""When the instances of a host were down, by systemd's own account in its journal."""

from __future__ import annotations

import json
import re
from itertools import combinations

from lab.hosts.guest import Guest

STREAMS = ("transactional", "marketing")
# systemd.journal-fields(7), and `systemd-id128` of the messages: a stop begins, a start is done.
STOPPING, STARTED = "de5b426a63be47a7b6ac3eaac82e2f6f", "39f53479d3a045ac8e11786248231fbf"


def now(guest: Guest) -> float:
    """The host's clock, in seconds of the epoch."""
    return float(guest.run("date +%s.%N").stdout)


def of(guest: Guest, instance: str, since: float) -> list[tuple[float, float]]:
    """From when to when an instance of Postfix was down since a time; one without an end is inf."""
    unit = f"postroad-postfix@{instance}.service"
    guest.run("journalctl --sync")
    said = guest.run(f"journalctl -o json --no-pager --since=@{since:.6f} -u {unit}").stdout
    spans: list[tuple[float, float]] = []
    for entry in map(json.loads, said.splitlines()):
        at = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
        if entry.get("MESSAGE_ID") == STOPPING:
            spans.append((at, float("inf")))
        elif entry.get("MESSAGE_ID") == STARTED and spans:
            spans[-1] = (spans[-1][0], min(spans[-1][1], at))
    return spans


def together(guest: Guest, since: float) -> list[str]:
    """Each moment since a time at which two streams of the host were down at once."""
    spans = {name: of(guest, name, since) for name in STREAMS}
    return [
        f"{one} {a} and {other} {b}"
        for one, other in combinations(STREAMS, 2)
        for a in spans[one]
        for b in spans[other]
        if max(a[0], b[0]) < min(a[1], b[1])
    ]


def words(guest: Guest, since: float) -> str:
    """What the refresh of the daemons said since a time."""
    said = guest.run(
        f"journalctl -o cat --no-pager --since=@{since:.6f} -u postroad-refresh.service"
    ).stdout
    return re.sub(r"\n+", "\n", said)
