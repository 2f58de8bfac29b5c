"""What earlier versions of postroad have put on hosts, and this one has elsewhere. Pure.

A row whose path is changed is put in its new place by the next run; the old one is written here, or
it would lie there for ever. It is taken away last: until then units run from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from postroad.host.component import Component
from postroad.host.paths import CONFIG, TOOLS
from postroad.mail.parts.part import Builder, Part, Rows

#: The checker of earlier versions: what a host is asked with until it has been converged once more.
WORLD_SEES = f"{TOOLS}/world-sees"


@dataclass(frozen=True, slots=True)
class Earlier:
    """A file or folder of an earlier version, and what stands in its place today."""

    path: str
    instead: str


EARLIER: tuple[Earlier, ...] = (
    # At first one file; since then a folder that python3 ran.
    Earlier(f"{TOOLS}/canary", "postroad/onhost/canary"),
    # The file, where the folder was made in its place (`postroad.host.change`).
    Earlier(f"{TOOLS}/canary.postroad-old", "postroad/onhost/canary"),
    Earlier(WORLD_SEES, "postroad/onhost/world_sees"),
    Earlier(f"{TOOLS}/resolver-proof", "postroad/onhost/resolver_proof"),
    Earlier(f"{TOOLS}/refresh", "postroad/onhost/refresh"),
    Earlier(f"{TOOLS}/milter", "postroad/onhost/milter"),
    Earlier(f"{TOOLS}/alarm", "postroad/onhost/alarm"),
    Earlier(f"{TOOLS}/budget", "postroad/onhost/budget"),
    Earlier(f"{CONFIG}/logrotate-inbound.conf", "/etc/postfix-inbound/logrotate.conf"),
)
PATHS = tuple(one.path for one in EARLIER)

# Whoever skips the roles that bring units to where their programs are now: a unit that is started
# from a file that is gone stays down.
_STILL_NEEDED = (
    f"if grep -qs '^ExecStart={TOOLS}/' /etc/systemd/system/postroad-*; then "
    "echo 'units are started from there yet: run deploys/mailserver.py as it is' >&2; fi"
)


def instead_of(path: str) -> str:
    """What stands in the place of one of `PATHS` today."""
    return next(one.instead for one in EARLIER if one.path == path)


def _make(builder: Builder, rows: Rows) -> Component:
    return Component("earlier", left=PATHS, gate=_STILL_NEEDED)


PART = Part("earlier", "What an earlier postroad left", (), _make)
