"""Instances that a host has and the estate declares no more: how they are found. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from postroad.paths import ADOPTED


@dataclass(frozen=True, slots=True)
class Instance:
    """A Postfix instance of ours that the estate has no more; ``doors`` is how many listeners."""

    name: str
    messages: int
    doors: int

    def __str__(self) -> str:
        if self.messages == 0:
            return f"{self.name} (to be removed)"
        return f"{self.name} (to be closed, {counted(self.messages)} to deliver)"


def probe(names: Iterable[str]) -> str:
    """Shell that prints a line for each of these that is there: its messages and listeners."""
    return "\n".join(
        f"if [ -e {ADOPTED}/{name} ]; then"
        f' echo "{name} $({messages(name)}) $({doors(name)} | wc -l)"; fi'
        for name in names
    )


def parse(lines: Iterable[str]) -> tuple[Instance, ...]:
    """Read the output of `probe`."""
    found = (line.split() for line in lines)
    return tuple(Instance(name, int(messages), int(doors)) for name, messages, doors in found)


def messages(name: str) -> str:
    """Shell that prints how many messages the instance has queued."""
    queues = " ".join(
        f"/var/spool/postfix-{name}/{queue}"
        for queue in ("maildrop", "incoming", "active", "deferred", "hold")
    )
    return f"find {queues} -type f 2>/dev/null | wc -l"


def doors(name: str) -> str:
    """Shell that prints the listeners of the instance's master.cf, a line each."""
    return f"postconf -c /etc/postfix-{name} -M 2>/dev/null | awk '$2 == \"inet\" {{print $1}}'"


def counted(number: int) -> str:
    """A number of messages, in words."""
    return "1 message" if number == 1 else f"{number} messages"
