"""Sums up what the instances of a host have queued, as JSON.

Arguments: the instances' names. Output: {instance: {"messages", "octets", "oldest", "groups",
"why"}}, a group being what waits in one queue for one place with one reply; see postqueue(1), -j.
A queue may hold 100,000 messages, so that nothing but sums leaves the host. ``why`` is empty, or
says why the queue could not be listed: showq(8) may not be able to start, and postqueue would wait
for it for ever.
"""

from __future__ import annotations

import json
import re
import select
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Json = dict[str, Any]

# A person reads a screen; a hostile reply, or a shop of 10,000 domains, may make many groups.
MOST_GROUPS = 200
REPLY_CHARACTERS = 200

# So long may postqueue(1) say nothing, in seconds: it prints as it reads, message after message.
SILENCE = 15.0

# "host mx.example[192.0.2.1] said: 451 4.7.1 Later (in reply to RCPT TO command)", "connect to
# mx.example[192.0.2.1]:25: Connection refused", "lost connection with mx.example[192.0.2.1] ...".
HOST = re.compile(
    r"(?:host|connect to|connection with|conversation with) ([\w.-]+)\[[^]]*\](?::\d+)?:? ?"
)
SAID = re.compile(r"^(?:said|refused to talk to me): ")
IN_REPLY = re.compile(r" \(in reply to [^)]*\)$")
# What makes each message's reply another one: ids, addresses, numbers of seconds.
ODD = re.compile(r"<[^>]*>|(?<!\S)(?=\S*\d)(?=\S*[a-z])[\w.-]{8,}|\d{5,}", re.IGNORECASE)


def main(arguments: list[str]) -> int:
    """Sum up every instance of the arguments, side by side."""
    with ThreadPoolExecutor(8) as pool:
        json.dump(dict(zip(arguments, pool.map(one, arguments))), sys.stdout)
    return 0


def one(instance: str) -> Json:
    """The sums of one instance, or why there are none."""
    try:
        return {**summed(listed(instance)), "why": ""}
    except (OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
        return {**summed(()), "why": str(error) or type(error).__name__}


def listed(instance: str) -> Iterator[Json]:
    """The messages of one instance, an object each, read as they come."""
    folder = "/etc/postfix" if instance == "default" else f"/etc/postfix-{instance}"
    command = ["postqueue", "-c", folder, "-j"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield from map(json.loads, lines(process))
            words = process.stderr.read().decode(errors="replace") if process.stderr else ""
        finally:
            process.kill()
    if process.returncode:
        last = words.strip().splitlines()[-1:] or [f"status {process.returncode}"]
        raise OSError(f"{' '.join(command)} fails: {last[0]}")


def lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """What it prints, line by line; OSError where it says nothing for too long."""
    assert process.stdout is not None
    rest = b""
    while True:
        if not select.select([process.stdout], [], [], SILENCE)[0]:
            raise OSError(f"postqueue says nothing for {SILENCE:.0f} s: does showq(8) start?")
        more = process.stdout.read1(1 << 16)  # type: ignore[attr-defined]
        if not more:
            process.wait(timeout=SILENCE)
            return
        *whole, rest = (rest + more).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)


def summed(messages: Iterable[Json]) -> Json:
    """The sums of one instance. Groups are by recipients: a message with two waits for two."""
    total: Json = {"messages": 0, "octets": 0, "oldest": None}
    groups: dict[tuple[str, str, str], Json] = {}
    for message in messages:
        arrived = message["arrival_time"]
        total["messages"] += 1
        total["octets"] += message["message_size"]
        total["oldest"] = min(arrived, total["oldest"] or arrived)
        for recipient in message["recipients"]:
            key = message["queue_name"], *place_and_reply(recipient)
            group = groups.setdefault(key, {"recipients": 0, "oldest": arrived})
            group["recipients"] += 1
            group["oldest"] = min(group["oldest"], arrived)
    return {**total, "groups": list(largest(groups))}


def place_and_reply(recipient: Json) -> tuple[str, str]:
    """Who keeps a recipient waiting (a host, else the domain), and in which words."""
    reason = recipient.get("delay_reason") or ""
    met = HOST.search(reason)
    domain = recipient["address"].rpartition("@")[2].lower()
    if met is None:
        return domain, gist(reason)
    return met[1].lower(), gist(SAID.sub("", reason[met.end() :]))


def gist(reply: str) -> str:
    """What a reply has in common with others of its kind."""
    return ODD.sub("…", IN_REPLY.sub("", reply))[:REPLY_CHARACTERS]


def largest(groups: dict[tuple[str, str, str], Json]) -> Iterator[Json]:
    """The groups with the most recipients; what is beyond is summed up in one of each queue."""
    ordered = sorted(groups.items(), key=lambda item: (-item[1]["recipients"], item[0]))
    for (queue, place, reply), sums in ordered[:MOST_GROUPS]:
        yield {"queue": queue, "place": place, "reply": reply, **sums}
    rest: dict[str, Json] = {}
    for (queue, _, _), sums in ordered[MOST_GROUPS:]:
        others = rest.setdefault(queue, {"recipients": 0, "oldest": sums["oldest"]})
        others["recipients"] += sums["recipients"]
        others["oldest"] = min(others["oldest"], sums["oldest"])
    for queue, sums in rest.items():
        yield {"queue": queue, "place": "", "reply": "", **sums}
