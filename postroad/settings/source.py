"""Which ``estate`` counts, where several group_data files declare one.

pyinfra merges nothing deeply: of the groups that a host is in, the last one that sets a variable
wins, whole. The group named after the inventory's file comes last, ``all`` is lowest. So an estate
is declared once, in the file of its inventory, and every host of that inventory sees the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from postroad.settings.faults import EstateFaults, Fault
from postroad.settings.meant import nearest
from postroad.settings.model import EstateInput
from postroad.settings.python import assigned


@dataclass(frozen=True, slots=True)
class Seen:
    """What one host sees: the file that declares its estate, and the value there."""

    source: str
    value: object


def one_estate(
    seen: Mapping[str, Seen | None],
    groups: Sequence[str],
    elsewhere: Sequence[str] = (),
    text: Callable[[str], str] = lambda file: "",
) -> tuple[EstateInput, str]:
    """The one estate of an inventory, and the file that declares it.

    ``seen`` maps each inventory host to what it sees, ``groups`` are the inventory's own groups,
    ``elsewhere`` those whose files declare an estate, whether or not the inventory has them, and
    ``text`` reads a file.
    Raises EstateFaults where a host of the estate sees none, or a host another than the first does.
    """
    found = {name: sight for name, sight in seen.items() if sight is not None}
    home = f"group_data/{groups[-1] if groups else 'all'}.py"
    if not found:
        raise EstateFaults([_nowhere(home, elsewhere, text)])
    first_name, first = next(iter(found.items()))
    faults = [
        Fault(
            f"{first.source}: estate",
            f'host "{name}" does not see it',
            f"declare it in {home}, which every host of the inventory sees",
        )
        for name, sight in seen.items()
        if sight is None and name in _hosts(first.value)
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


def _nowhere(home: str, elsewhere: Sequence[str], text: Callable[[str], str]) -> Fault:
    names = assigned(text(home))
    if "estate" in names:
        where = f"{home}: line {names.get('__all__', names['estate'])}"
        return Fault(where, 'no host sees the estate, as "__all__" lacks it', 'add "estate" there')
    if like := next((name for name in names if nearest(name, ["estate"])), None):
        where = f"{home}: line {names[like]}"
        return Fault(where, f"{like} is not what postroad reads", f"write estate, not {like}")
    mend = "declare `estate = {...}` there"
    if elsewhere:
        others = " and ".join(f"group_data/{group}.py" for group in elsewhere)
        mend += f", or give {others}, which declares one, the name of this inventory"
    return Fault(f"{home}: estate", "no host sees an estate", mend)


def _hosts(declared: object) -> Mapping[object, object]:
    """The hosts that an estate declares; nothing where it does not say so."""
    found = declared.get("hosts") if isinstance(declared, Mapping) else None
    return found if isinstance(found, Mapping) else {}
