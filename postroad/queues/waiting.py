"""What waits on the estate's hosts, for people and for programs. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from postroad import terminal
from postroad.dns.names import organisation

# The order in which a message goes through them (qmgr(8)).
QUEUES = ("maildrop", "hold", "incoming", "active", "deferred")
MINUTE, HOUR, DAY = 60, 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Group:
    """Recipients that wait in one queue of one instance for one mailbox provider, with one reply.

    ``provider`` is the domain of the hosts that answer, else the recipients' own; empty for the
    rest of a long list. ``oldest`` is seconds of the epoch.
    """

    queue: str
    provider: str
    reply: str
    recipients: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Queue:
    """What one instance of one host has queued; ``oldest`` is None where that is nothing."""

    host: str
    instance: str
    messages: int
    octets: int
    oldest: float | None
    groups: tuple[Group, ...]


def queues(host: str, said: dict[str, Any]) -> Iterator[Queue]:
    """The answer of on_host.py."""
    for instance, row in said.items():
        yield Queue(
            host,
            instance,
            int(row["messages"]),
            int(row["octets"]),
            None if row["oldest"] is None else float(row["oldest"]),
            _merged(row["groups"]),
        )


def _merged(rows: Iterable[dict[str, Any]]) -> tuple[Group, ...]:
    """One group for all hosts of a provider that say the same, the largest first."""
    found: dict[tuple[str, str, str], Group] = {}
    for row in rows:
        provider = _provider(row["place"])
        key = row["queue"], provider, row["reply"]
        new = Group(*key, int(row["recipients"]), float(row["oldest"]))
        old = found.get(key)
        if old is not None:
            oldest = min(old.oldest, new.oldest)
            new = Group(*key, old.recipients + new.recipients, oldest)
        found[key] = new
    return tuple(sorted(found.values(), key=_place))


def _place(group: Group) -> tuple[int, int, str, str]:
    known = QUEUES.index(group.queue) if group.queue in QUEUES else len(QUEUES)
    return -known, -group.recipients, group.provider, group.reply


def _provider(place: str) -> str:
    return organisation(place) if "." in place else place


def as_json(found: Iterable[Queue]) -> str:
    """A list of {host, instance, messages, octets, oldest, groups: [{queue, provider, …}]}."""
    return json.dumps([asdict(queue) for queue in found], indent=1) + "\n"


def text(found: Sequence[Queue], now: float) -> str:
    """A paragraph for each instance that has something queued, and a line for all others."""
    full = [queue for queue in found if queue.messages]
    lines = [line for queue in full for line in _paragraph(queue, now)]
    empty = [f"{queue.host} {queue.instance}" for queue in found if not queue.messages]
    if empty:
        lines.append(f"nothing waits: {', '.join(empty)}")
    return "".join(f"{terminal.line(each)}\n" for each in lines)


def _paragraph(queue: Queue, now: float) -> Iterator[str]:
    count = _count(queue.messages, "message")
    assert queue.oldest is not None
    yield f"{queue.host} {queue.instance}: {count}, the oldest {duration(now - queue.oldest)} old"
    for group in queue.groups:
        who = group.provider or "all others"
        age = duration(now - group.oldest)
        yield f"  {group.queue:<8}  {_count(group.recipients, 'recipient')} at {who}, up to {age}"
        if group.reply:
            yield f"            {group.reply}"
    yield ""


def duration(seconds: float) -> str:
    """The age of something in at most two units, as people say it."""
    left = max(0, int(seconds))
    if left < MINUTE:
        return f"{left} s"
    if left < HOUR:
        return f"{left // MINUTE} min"
    if left < DAY:
        return f"{left // HOUR} h {left % HOUR // MINUTE} min"
    return f"{left // DAY} d {left % DAY // HOUR} h"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
