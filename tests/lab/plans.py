"""What a plan or a run says, in the words that tests compare."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from lab import road

# "/etc/hosts (content), /etc/hostname (owner nobody:nogroup, not root:root)"
_DETAIL = re.compile(r"(?<=\)), ")


def named(entries: Iterable[road.Entry]) -> set[str]:
    """What the entries of a plan name, host by host: "/etc/hosts (content)" and the like.

    An entry that changes something without saying what is itself a fault, and named as such.
    """
    found: set[str] = set()
    for entry in entries:
        details = [
            detail
            for name in entry["names"]
            for detail in _DETAIL.split(name.partition(": ")[2])
            if detail
        ]
        found.update(details or [f"{entry['name']} does not say what it changes"])
    return found


def hosts(entries: Iterable[road.Entry]) -> set[str]:
    """The hosts that the entries of a plan would change."""
    return {host for entry in entries for host in entry["hosts_with_change"]}


def changed(done: subprocess.CompletedProcess[str]) -> dict[str, Mapping[str, Any]]:
    """The operations that `pyinfra -y --json` did something in, with their counts."""
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    operations = json.loads(done.stdout)["results"]["operations"]
    return {o["name"]: o for o in operations if o["success"] or o["error"]}
