"""Which ``estate`` counts, where several group_data files declare one.

pyinfra merges nothing deeply: of the groups that a host is in, the last one that sets a variable
wins, whole. The group named after the inventory's file comes last, ``all`` is lowest. So an estate
is declared once, in the file of its inventory, and every host of that inventory sees the same one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from postroad.settings.faults import EstateFaults, Fault
from postroad.settings.model import EstateInput


@dataclass(frozen=True, slots=True)
class Seen:
    """What one host sees: the file that declares its estate, and the value there."""

    source: str
    value: object


def one_estate(seen: Mapping[str, Seen | None], groups: Sequence[str]) -> tuple[EstateInput, str]:
    """The one estate of an inventory, and the file that declares it.

    ``seen`` maps each inventory host to what it sees, ``groups`` are the inventory's own groups.
    Raises EstateFaults where a host sees none, or another than the first host does.
    """
    found = {name: sight for name, sight in seen.items() if sight is not None}
    home = f"group_data/{groups[-1] if groups else 'all'}.py"
    if not found:
        raise EstateFaults(
            [Fault(f"{home}: estate", "no host sees an estate", "declare `estate = {...}` there")]
        )
    first_name, first = next(iter(found.items()))
    faults = [
        Fault(
            f"{first.source}: estate",
            f'host "{name}" does not see it',
            f"declare it in {home}, which every host of the inventory sees",
        )
        for name, sight in seen.items()
        if sight is None
    ]
    faults += [
        Fault(
            f"{sight.source}: estate",
            f'host "{name}" sees another estate than host "{first_name}" does ({first.source})',
            "declare one estate with all hosts: pyinfra merges nothing, the last group wins whole",
        )
        for name, sight in found.items()
        if sight.value != first.value
    ]
    if isinstance(first.value, Mapping) and not faults:
        return first.value, first.source
    if not isinstance(first.value, Mapping):
        faults.append(
            Fault(f"{first.source}: estate", "is not a dictionary", "write `estate = {...}`")
        )
    raise EstateFaults(faults)
