"""Which version of postroad has converged a host, and which may do so. Pure.

An older one does not know what a newer one has put there: it would neither mend nor remove it, and
might put back what the newer one has moved.
"""

from __future__ import annotations

import re

from postroad.data import VERSION
from postroad.host.paths import VERSION_FILE
from postroad.host.reading import Reading, section

SHELL = f"m version; [ ! -f {VERSION_FILE} ] || head -c 100 {VERSION_FILE}"

#: Empty on a host that none has converged, or one before 0.2.0.
CONVERGED_BY: Reading[str] = Reading("version", section("version", "".join), "")


def refusal(found: str, own: str = VERSION) -> str:
    """Why a host that version ``found`` has converged is not for ``own``; empty where it is."""
    if not is_newer(found, own):
        return ""
    return (
        f"postroad {found} has converged it, and this is {own}, which does not know all that is "
        f"there: install postroad {found} or a newer one here, and run again"
    )


def is_newer(found: str, than: str) -> bool:
    """Whether the release that ``found`` begins with is the newer one (PEP 440, final releases)."""
    return _release(found) > _release(than)


def _release(version: str) -> tuple[int, ...]:
    """Its numbers; none of what is no version: a file that somebody has edited is drift."""
    numbers = re.match(r"\d+(?:\.\d+)*", version)
    parts = [int(number) for number in numbers[0].split(".")] if numbers else []
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)
