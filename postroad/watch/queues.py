"""What waits on the estate's hosts, for people and for programs. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from postroad.dns.names import organisation
from postroad.host.asked import Asking, json_of
from postroad.settings import terminal

# The order in which a message goes through them (qmgr(8)).
QUEUES = ("maildrop", "hold", "incoming", "active", "deferred")
MINUTE, HOUR, DAY = 60, 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Row:
    """A group as a host has it: ``place`` is a host that answers, or a recipient's domain."""

    queue: str
    place: str
    reply: str
    recipients: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Sums:
    """What is queued in one instance; ``why`` it could not be listed, if so."""

    messages: int
    octets: int
    oldest: float | None
    groups: tuple[Row, ...]
    why: str = ""


#: The sums of the instances that are its arguments; postqueue(1) lists some thousand messages a
#: second.
WAITING: Asking[Mapping[str, Sums]] = Asking(
    "queues", "its queues", json_of(Mapping[str, Sums]), 180
)


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
    """What one instance of one host has queued; ``oldest`` is None where that is nothing.

    ``unknown`` is why nothing is known of it; empty where it is.
    """

    host: str
    instance: str
    messages: int
    octets: int
    oldest: float | None
    groups: tuple[Group, ...]
    unknown: str = ""


def queues(host: str, said: Mapping[str, Sums]) -> Iterator[Queue]:
    """What a host answers to `WAITING`."""
    for instance, row in said.items():
        groups = _merged(row.groups)
        yield Queue(host, instance, row.messages, row.octets, row.oldest, groups, row.why)


def _merged(rows: Iterable[Row]) -> tuple[Group, ...]:
    """One group for all hosts of a provider that say the same, the largest first."""
    found: dict[tuple[str, str, str], Group] = {}
    for row in rows:
        key = row.queue, _provider(row.place), row.reply
        new = Group(*key, row.recipients, row.oldest)
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
    """A list of {host, instance, messages, octets, oldest, groups: [{queue, …}], unknown}."""
    return json.dumps([asdict(queue) for queue in found], indent=1) + "\n"


def text(found: Sequence[Queue], now: float) -> str:
    """A paragraph for each instance that has something queued, and a line for all others."""
    known = [queue for queue in found if not queue.unknown]
    lines = [f"{q.host} {q.instance}: unknown: {q.unknown}" for q in found if q.unknown]
    lines += [line for queue in known if queue.messages for line in _paragraph(queue, now)]
    empty = [f"{queue.host} {queue.instance}" for queue in known if not queue.messages]
    if empty:
        lines.append(f"nothing waits: {', '.join(empty)}")
    return "".join(f"{terminal.line(each)}\n" for each in lines)


def _paragraph(queue: Queue, now: float) -> Iterator[str]:
    count = _count(queue.messages, "message")
    oldest = now if queue.oldest is None else queue.oldest
    yield f"{queue.host} {queue.instance}: {count}, the oldest {duration(now - oldest)} old"
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
