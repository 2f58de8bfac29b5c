"""How names lie to each other, and in which zone."""

from __future__ import annotations

from collections.abc import Iterable

from postroad.settings.model import Estate
from postroad.settings.rules import is_registry


def is_within(name: str, domain: str) -> bool:
    """Whether ``name`` is ``domain`` or below it."""
    return name == domain or name.endswith(f".{domain}")


def declared_zone(estate: Estate, owner: str) -> str | None:
    """The zone under estate["dns"]["zones"] that holds ``owner``; None where none does."""
    found = [zone.name for zone in estate.dns.zones if is_within(owner, zone.name)]
    return max(found, key=len, default=None)


def between(owners: Iterable[str], zone: str) -> tuple[str, ...]:
    """The names in ``zone`` that exist by what is beneath them alone, of those that people visit
    or write to: empty non-terminals (RFC 4592 §2.2.2), which no wildcard serves any more."""
    known, found = set(owners), dict[str, None]()
    for owner in known:
        labels = owner.removesuffix(zone).rstrip(".").split(".")
        for at in range(1, len(labels)):
            name = ".".join([*labels[at:], zone])
            if owner != zone and not labels[at].startswith("_") and name not in known:
                found[name] = None
    return tuple(sorted(found))


def organisation(owner: str) -> str:
    """The domain that was probably bought for ``owner``: two labels, three below co.uk.

    A guess by form, for headings that people read; nothing is decided by it.
    """
    labels = owner.split(".")
    kept = 3 if is_registry(labels[-2:]) else 2
    return ".".join(labels[-kept:])
