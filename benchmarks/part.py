"""A part of the lab's hosts, as the whole estate of somebody who has no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inventories import lab as whole
from lab import load
from lab.mail import shop

IsPart = Callable[[str], bool]


def inventory(is_part: IsPart) -> tuple[list[tuple[str, Any]], Any]:
    """A group of pyinfra's: those of the lab's hosts whose names are so."""
    hosts, options = whole.mail
    return [(name, data) for name, data in hosts if is_part(name)], options


def estate(is_part: IsPart) -> dict[str, Any]:
    """The lab's estate on those hosts."""
    declared: dict[str, Any] = shop.estate(load())
    hosts = {name: host for name, host in declared["hosts"].items() if is_part(name)}
    return {**declared, "hosts": hosts}
