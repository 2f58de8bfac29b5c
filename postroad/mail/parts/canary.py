"""The gate of every instance: a canary that carries a message before anything goes live. Pure."""

from __future__ import annotations

from postroad.host import programs
from postroad.host.paths import CANARY

# A role that brings a stream on without those before it, as a pause does, may meet a host that an
# earlier postroad has converged.
_INSTALLED = (
    f"[ -e {programs.place(programs.MAIN)} ] || {{ echo 'this host is as an earlier postroad has "
    "left it: run deploys/mailserver.py there first' >&2; exit 1; };"
)


def canary(words: str) -> str:
    """The gate of an instance, of the kind that its first words say."""
    return f'{_INSTALLED} {CANARY} {words} "$stage"'
