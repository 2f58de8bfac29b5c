"""Runs on a host: sums up what its instances have queued, as JSON. It imports nothing of postroad.

Arguments: the instances' names. Output: {instance: {"messages", "octets", "oldest", "groups"}}, a
group being what waits in one queue for one place with one reply; see postqueue(1), -j. A queue may
hold 100,000 messages, so that nothing but sums leaves the host. Written for Python 3.9.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any

Json = dict[str, Any]

# A person reads a screen; a hostile reply, or a shop of 10,000 domains, may make many groups.
MOST_GROUPS = 200
REPLY_CHARACTERS = 200

# "host mx.example[192.0.2.1] said: 451 4.7.1 Later (in reply to RCPT TO command)", "connect to
# mx.example[192.0.2.1]:25: Connection refused", "lost connection with mx.example[192.0.2.1] ...".
HOST = re.compile(
    r"(?:host|connect to|connection with|conversation with) ([\w.-]+)\[[^]]*\](?::\d+)?:? ?"
)
SAID = re.compile(r"^(?:said|refused to talk to me): ")
IN_REPLY = re.compile(r" \(in reply to [^)]*\)$")
# What makes each message's reply another one: ids, addresses, numbers of seconds.
ODD = re.compile(r"<[^>]*>|(?<!\S)(?=\S*\d)(?=\S*[a-z])[\w.-]{8,}|\d{5,}", re.IGNORECASE)


def main() -> None:
    """Sum up every instance of the arguments."""
    json.dump({name: summed(listed(name)) for name in sys.argv[1:]}, sys.stdout)


def listed(instance: str) -> Iterator[Json]:
    """The messages of one instance, an object each, read as they come."""
    folder = "/etc/postfix" if instance == "default" else f"/etc/postfix-{instance}"
    with subprocess.Popen(
        ["postqueue", "-c", folder, "-j"], stdout=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        raise SystemExit(f"postqueue -c {folder} -j ended with {process.returncode}")


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


if __name__ == "__main__":
    main()
