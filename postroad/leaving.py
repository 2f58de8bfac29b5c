"""Instances and keys that a host has, and that the estate does not declare (any more). Pure.

A stream that is taken away from a host is first closed to new mail, then drained, then removed:
what it had accepted is delivered by the configuration that it was accepted under.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from postroad.paths import ADOPTED, OPENED, RUN_LOCK, STAMPS, key_path, life_path, stream_folder
from postroad.settings.model import STREAM_NAMES, Host
from postroad.state import KeyState
from postroad.taken_away import Instance, counted, doors, messages

INBOUND = "inbound"


def absent_instances(host: Host) -> tuple[str, ...]:
    """The names of the instances that ``host`` must not have."""
    inbound = () if host.inbound else (INBOUND,)
    return (*(name for name in STREAM_NAMES if name not in host.streams), *inbound)


def still_to_do(instances: Iterable[Instance]) -> tuple[Instance, ...]:
    """Those of which a run has something to do: to close them, or to remove them."""
    return tuple(one for one in instances if one.doors or not one.messages)


def draining(instances: Iterable[Instance]) -> tuple[str, ...]:
    """A sentence for each that is closed and has mail yet."""
    return tuple(
        f"{one.name} is taken away from this host and still delivers {counted(one.messages)}: "
        "run again when `postroad queue` says that nothing waits"
        for one in instances
        if one.messages
    )


def script(instances: Iterable[Instance], keys: Iterable[KeyState]) -> str:
    """Shell that closes, drains or removes the instances, and removes the keys."""
    lines = ["postroad() {", "set -eu; export LC_ALL=C"]
    lines.append(f"mkdir -p /run/postroad; exec 9>{RUN_LOCK}; flock -w 120 9")
    for instance in instances:
        lines += _closed(instance.name)
        lines += _removed(instance.name)
    for key in keys:
        place = (key.stream, key.domain, key.selector)
        lines.append(f"rm -f {shlex.join([key_path(*place), life_path(*place)])}")
    return "\n".join([*lines, "}", "postroad </dev/null"]) + "\n"


def _closed(name: str) -> Iterator[str]:
    config = f"/etc/postfix-{name}"
    yield f"doors=$({doors(name)})"
    yield f'for door in $doors; do postconf -c {config} -MX "$door/inet"; done'
    # A listener that is left out of master.cf is closed by a reload; what waits is tried at once.
    yield (
        f'if [ -n "$doors" ] && systemctl -q is-active postroad-postfix@{name}.service; then '
        f"systemctl reload postroad-postfix@{name}.service; postqueue -c {config} -f; fi"
    )


def _removed(name: str) -> Iterator[str]:
    units = [f"postroad-postfix@{name}.service"]
    if name != INBOUND:
        units += [f"postroad-dkim@{name}.service", f"postroad-auth@{name}.service"]
    listed = " ".join(units)
    places = [f"/etc/postfix-{name}", f"/var/spool/postfix-{name}", f"/var/lib/postfix-{name}"]
    if name != INBOUND:
        places.append(stream_folder(name))
    marks = [f"{folder}/{name}" for folder in (STAMPS, OPENED, ADOPTED)]
    yield f"if [ $({messages(name)}) -eq 0 ]; then"
    yield f"systemctl stop {units[0]}"
    # What came through a door in its last moment is delivered first: the next run removes it.
    yield f"if [ $({messages(name)}) -ne 0 ]; then systemctl start {units[0]}; else"
    yield f"systemctl disable --now --quiet {listed}"
    yield f"systemctl reset-failed {listed} 2>/dev/null || :"
    yield f"rm -rf {' '.join(places)}; rm -f {' '.join(marks)}"
    yield "fi; fi"
