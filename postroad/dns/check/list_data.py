"""Reads postroad/data/dns_lists.yaml, or an edited copy of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from postroad.data import shipped
from postroad.dns.check.verdict import Severity

PACKAGED = shipped("dns_lists.yaml")
_KEYS = ("name", "zone", "families", "severity", "listed", "refused", "remove", "source")
_SEVERITIES: tuple[Severity, ...] = ("required", "recommended")


class ListDataError(ValueError):
    """The file cannot be used; the message names it, the list and the key."""


@dataclass(frozen=True, slots=True)
class DnsList:
    """One list: ``listed`` and ``refused`` say in words what an answer (an address) means."""

    name: str
    zone: str
    families: tuple[int, ...]
    severity: Severity
    listed: Mapping[str, str]
    refused: Mapping[str, str]
    remove: str


def read(place: Path = PACKAGED) -> tuple[DnsList, ...]:
    """The lists to ask, in their order. ListDataError; OSError where the file is not there.

    A list whose zone is among the dead is a fault: it would be asked.
    """
    try:
        # The safe loader makes plain data and no objects.
        data = yaml.safe_load(place.read_text(encoding="utf-8"))
    except yaml.YAMLError as fault:
        raise ListDataError(f"{place}: {' '.join(str(fault).split())}") from None
    if not isinstance(data, dict) or not isinstance(data.get("lists"), list):
        raise ListDataError(f"{place}: has no lists: write them below lists:")
    dead = {str(entry.get("zone")) for entry in data.get("dead") or [] if isinstance(entry, dict)}
    found = tuple(_list(place, number, entry) for number, entry in enumerate(data["lists"], 1))
    for one in found:
        if one.zone in dead:
            raise ListDataError(f"{place}: {one.name}: {one.zone} is dead: remove it from lists")
    return found


def _list(place: Path, number: int, entry: Any) -> DnsList:
    where = f"{place}: list {number}"
    if not isinstance(entry, dict):
        raise ListDataError(f"{where}: is no table of {', '.join(_KEYS)}")
    missing = [key for key in _KEYS if key not in entry]
    strange = [str(key) for key in entry if key not in _KEYS]
    if missing or strange:
        told = f"lacks {', '.join(missing)}" if missing else f"has unknown {', '.join(strange)}"
        raise ListDataError(f"{where}: {told}")
    families = entry["families"]
    if not isinstance(families, list) or not families or not set(families) <= {4, 6}:
        raise ListDataError(f"{where}: families is not [4], [6] or [4, 6]")
    if entry["severity"] not in _SEVERITIES:
        raise ListDataError(f"{where}: severity is none of {', '.join(_SEVERITIES)}")
    return DnsList(
        name=_text(where, entry, "name"),
        zone=_text(where, entry, "zone"),
        families=tuple(families),
        severity=entry["severity"],
        listed=_codes(where, entry, "listed"),
        refused=_codes(where, entry, "refused"),
        remove=_text(where, entry, "remove"),
    )


def _text(where: str, entry: Mapping[str, Any], key: str) -> str:
    value = entry[key]
    if not isinstance(value, str) or not value:
        raise ListDataError(f"{where}: {key} is no text")
    return value


def _codes(where: str, entry: Mapping[str, Any], key: str) -> Mapping[str, str]:
    codes = entry[key]
    if not isinstance(codes, dict) or not all(
        isinstance(code, str) and code.startswith("127.") and isinstance(words, str)
        for code, words in codes.items()
    ):
        raise ListDataError(f"{where}: {key} is no table of 127.x.x.x: words")
    return codes
