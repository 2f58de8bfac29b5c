"""Readers of mail that share no line with postroad, nor with each other; two of them on a guest."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass

from lab import onhost
from lab.hosts.guest import Guest


@dataclass(frozen=True)
class Seen:
    """What Email::MIME sees in a message's own header, and Nodemailer in its From: fields."""

    fields: list[str]
    addresses: list[str]
    signatures: int
    results: int
    nodemailer: list[list[str]]


def read(guest: Guest, messages: Sequence[bytes]) -> list[Seen]:
    """What they see in each of *messages*, on a host of the lab's internet."""
    lines = "".join(base64.b64encode(message).decode() + "\n" for message in messages)
    perl = guest.run(["perl", "-e", onhost.program("readers.pl")], input=lines, timeout=300)
    seen = [json.loads(line) for line in perl.stdout.splitlines()]
    fields = [field for one in seen for field in one["fields"]]
    node = ["node", "-e", onhost.program("readers.js")]
    found = iter(json.loads(guest.run(node, input=json.dumps(fields), timeout=300).stdout))
    return [Seen(**one, nodemailer=[next(found) for _ in one["fields"]]) for one in seen]
