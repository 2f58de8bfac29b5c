"""What a plan or a run says, in the words that tests compare."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from lab.mail import road

# "mail1: /etc/hosts (content), /etc/hostname (owner nobody:nogroup, not root:root)"
_DETAIL = re.compile(r"(?<=\)), ")

Named = tuple[str, str]
"""A host, and what is named of it: "/etc/hosts (content)" and the like."""


def named(entries: Iterable[road.Entry]) -> set[Named]:
    """What the entries of a plan name.

    A host that an entry changes without saying what is itself a fault, and named as such.
    """
    found: set[Named] = set()
    for entry in entries:
        told = set()
        for name in entry["names"]:
            _, _, rest = name.partition(": ")
            host, _, details = rest.partition(": ")
            told.add(host)
            found.update((host, detail) for detail in _DETAIL.split(details))
        silent = set(entry["hosts_with_change"]) - told
        found.update((host, f"{entry['name']} does not say what") for host in silent)
    return found


def hosts(entries: Iterable[road.Entry]) -> set[str]:
    """The hosts that the entries of a plan would change."""
    return {host for entry in entries for host in entry["hosts_with_change"]}


def changed(done: subprocess.CompletedProcess[str]) -> dict[str, Mapping[str, Any]]:
    """The operations that `pyinfra -y --json` did something in, with their counts."""
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    operations = json.loads(done.stdout)["results"]["operations"]
    return {o["name"]: o for o in operations if o["success"] or o["error"]}
