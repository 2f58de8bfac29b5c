"""Instances and keys that a host has, and that the estate does not declare (any more). Pure.

A stream that is taken away from a host is first closed to new mail, then drained, then removed:
what it had accepted is delivered by the configuration that it was accepted under.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace

from postroad.host.paths import (
    ADOPTED,
    DEFAULT,
    INBOUND,
    OPENED,
    STAMPS,
    config_folder,
    data_folder,
    key_path,
    life_path,
    queue_folder,
    stream_folder,
)
from postroad.host.shell import Script
from postroad.mail.leaving.instances import UNREAD, Instance, counted, messages, unit, unread_mark
from postroad.mail.parts.names import BUDGET_UNIT, TIDY_TIMER, TIDY_UNIT
from postroad.mail.signing.keys import OrphanStep
from postroad.mail.signing.rotation import marked
from postroad.settings.model import STREAM_NAMES, Host

# qmgr(8), TRIGGERS: forget what was found dead, try all that is deferred, whatever its time.
# postqueue(1) -f does the same, and then fails where there is no pickup(8), as in inbound.
# postkick(1) may still be writing when the other side has read enough.
FLUSH = """flush() { (trap '' PIPE; postkick -c "$1" public qmgr FAD); }"""


def absent_instances(host: Host) -> tuple[str, ...]:
    """The names of the instances that ``host`` must not have."""
    inbound = () if host.inbound else (INBOUND,)
    return (*(name for name in STREAM_NAMES if name not in host.streams), *inbound)


def still_to_do(instances: Iterable[Instance]) -> tuple[Instance, ...]:
    """Those of which a run has something to do: to close them, or to remove them."""
    found = tuple(instances)
    return tuple(
        one for one in found if (one.doors or not one.messages) and not is_held_open(one, found)
    )


def is_held_open(instance: Instance, others: Iterable[Instance]) -> bool:
    """Whether it is inbound, and still takes what comes back of streams that are drained.

    They hand it in by loopback. The MX record may not lead anywhere else yet, and a Postfix that
    finds itself there gives up.
    """
    return instance.name == INBOUND and any(one.messages for one in others if one.name != INBOUND)


def draining(instances: Iterable[Instance]) -> tuple[str, ...]:
    """A sentence for each that is closed and has mail yet, or stays open for those."""
    found = tuple(instances)
    return tuple(_waits(one, is_held_open(one, found)) for one in found if _has_yet(one, found))


def _has_yet(instance: Instance, others: Iterable[Instance]) -> bool:
    return bool(instance.messages) or is_held_open(instance, others)


def _waits(instance: Instance, is_open: bool) -> str:
    gone = f"{instance.name} is taken away from this host and still"
    if is_open:
        return f"{gone} takes what comes back of streams that have mail yet"
    records = "" if instance.name == INBOUND else ", and leave its records in the DNS until then"
    return (
        f"{gone} delivers {counted(instance.messages)}: run again when `postroad queue` says that"
        f" nothing waits{records}"
    )


def changing(lines: Iterable[str], *words: str) -> str:
    """What changes instances: postconf(1) makes its files anew, for all to read."""
    return str(Script(tuple(lines), words, umask="022"))


def script(instances: Iterable[Instance], keys: Iterable[OrphanStep], now: float) -> str:
    """Shell that closes, drains or removes the instances, and marks or removes the keys."""
    lines: list[str] = []
    for instance in instances:
        lines += closed(instance)
        lines += _removed(instance.name)
    for step in keys:
        key = step.key
        place = (key.stream, key.domain, key.selector)
        if step.how == "to be removed":
            lines.append(f"rm -f {shlex.join([key_path(*place), life_path(*place)])}")
        else:
            since = now if step.how != "declared again" else None
            lines.append(marked(key, replace(key.life, orphaned=since)))
    return changing(lines, FLUSH)


def closed(instance: Instance) -> Iterator[str]:
    """Shell that closes the doors of the instance, and has it try at once what waits."""
    if not instance.doors:
        return
    config = config_folder(instance.name)
    if instance.name == DEFAULT:
        # postdrop(1) reads it each time, so that no reload is needed.
        yield f"postconf -c {config} -e authorized_submit_users="
        yield f"if systemctl -q is-active postfix.service; then flush {config}; fi"
        return
    mark, name = unread_mark(instance.name), unit(instance.name)
    yield f": > {mark}"
    for door in instance.doors:
        if door != UNREAD:
            yield f"postconf -c {config} -MX {shlex.quote(f'{door}/inet')}"
    # A listener that is left out of master.cf is closed by a reload.
    yield f"if systemctl -q is-active {name}; then systemctl reload {name}; flush {config}; fi"
    yield f"rm -f {mark}"


def units(name: str) -> tuple[str, ...]:
    """The systemd units of an instance that is not the packages' own, Postfix first."""
    if name == INBOUND:
        return (unit(name),)
    kinds = ("dkim", "milter", "auth")
    return (unit(name), *(f"postroad-{kind}@{name}.service" for kind in kinds))


def _removed(name: str) -> Iterator[str]:
    postfix = unit(name)
    yield f"if [ $({messages(name)}) -eq 0 ]; then"
    yield f"systemctl stop {postfix}"
    # What came through a door in its last moment is delivered first: the next run removes it.
    yield f"if [ $({messages(name)}) -ne 0 ]; then systemctl start {postfix}; else"
    yield from removed(name)
    yield "fi; fi"


def removed(name: str) -> Iterator[str]:
    """Shell that removes an instance, which has stopped and has no mail."""
    listed = " ".join(units(name))
    places = [config_folder(name), queue_folder(name), data_folder(name)]
    if name != INBOUND:
        places.append(stream_folder(name))
    marks = [f"{folder}/{name}" for folder in (STAMPS, OPENED, ADOPTED)]
    yield f"systemctl disable --now --quiet {listed}"
    if name == INBOUND:
        # A host that an older postroad has set up has none of them.
        yield f"systemctl disable --now --quiet {BUDGET_UNIT} {TIDY_TIMER} 2>/dev/null || :"
        listed += f" {BUDGET_UNIT} {TIDY_TIMER} {TIDY_UNIT}"
    yield f"systemctl reset-failed {listed} 2>/dev/null || :"
    yield f"rm -rf {' '.join(places)}; rm -f {' '.join(marks)}"
