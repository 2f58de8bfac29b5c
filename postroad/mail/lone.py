"""A lone box: a host that the world does not know, as a developer's own. Pure.

It has no PTR record, no zone and no authority for its certificate, so that its streams open
without a look at the world, and nothing that it takes may reach the world: every recipient's mail
goes to a sink on the box, and the firewall closes port 25 outward for Postfix too. What cannot be
true of such a box is waived here, by name, and told by every run and every audit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from postroad.host.paths import SINK
from postroad.settings.model import Estate, Host


@dataclass(frozen=True, slots=True)
class Waiver:
    """Checks that are not made, by how their names begin, and why not."""

    checks: tuple[str, ...]
    because: str


RUN = (
    Waiver(("port 25 outward",), "no mail leaves the box"),
    Waiver(("the look at the world before a stream opens",), "it has no zone and no PTR record"),
    Waiver(("its own resolver alone",), "its network may let no other DNS through"),
)
AUDIT = (
    Waiver(("dns.the_world_can_verify",), "it has no zone and no PTR record"),
    Waiver(("names.",), "it has no zone and no PTR record"),
    Waiver(("resolver.",), "it asks whom its network names"),
)


def waived(estate: Estate, check: str) -> str:
    """Why the audit does not make ``check`` (``family.name``); empty where it does."""
    if not estate.lone:
        return ""
    found = (waiver for waiver in AUDIT if check.startswith(waiver.checks))
    return next((f"a lone box: {waiver.because}" for waiver in found), "")


def told(host: Host) -> Iterator[str]:
    """What a run says of a lone box besides its doors: where its mail is, and what was waived."""
    yield f"{host.name} is a lone box ({host.hostname}): no mail leaves it."
    yield f"  What it is given lies in {SINK}, a file a message."
    for waiver in RUN:
        yield f"  Waived: {', '.join(waiver.checks)} ({waiver.because})."
