"""The files that an operator has written, before any of them is run: where they are, and which can
be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from postroad.settings.faults import Fault
from postroad.settings.python import unreadable


class InventoryError(Exception):
    """An inventory cannot be loaded; the message names the file and what is wrong there."""


def base_of(inventory: Path) -> Path:
    """The directory whose ``group_data`` belongs to an inventory file.

    The one above the inventory's own (``inventories/prod.py``), else the working directory, else
    the inventory's own: pyinfra looks in the last two only.
    """
    for place in (inventory.parent.parent, Path.cwd()):
        if (place / "group_data").is_dir():
            return place
    return inventory.parent


def no_inventory(path: Path) -> Iterator[Fault]:
    """The other half of an estate, named in the place of its inventory."""
    if path.resolve().parent.name == "group_data":
        mend = f"name the inventory, as inventories/{path.name}"
        yield Fault(str(path), "is what the hosts are, not which there are", mend)


def no_hosts(file: str) -> str:
    """What to say of an inventory that names none."""
    return f"{file}: names no host; write mail = [...], a list of hosts"


def not_there(path: Path) -> str:
    """What to say of an inventory file that is none."""
    beside = sorted(str(one) for one in path.parent.glob("*.py"))
    if path.is_dir():
        return f"{path}: is a folder; name the inventory file in it, as {path / 'prod.py'}"
    mend = (
        f"name one that is, as {' or '.join(beside)}"
        if beside
        else "correct its path, or have a first one written by `postroad init`"
    )
    return f"{path}: there is no such inventory file; {mend}"


def named(file: Path, base: Path) -> str:
    """A file of the operator's as faults name it: from ``base``, where it lies below that."""
    whole = file.resolve()
    return str(whole.relative_to(base) if whole.is_relative_to(base) else file)


def group_data_of(base: Path) -> list[Path]:
    """The files that pyinfra runs for every inventory of ``base``, whatever group they are for."""
    return sorted((base / "group_data").glob("*.py"))


def unreadable_files(files: Iterable[Path], base: Path) -> Iterator[Fault]:
    """What keeps Python from reading the operator's files, in all of them; none of them is run."""
    for file in files:
        try:
            fault = unreadable(file.read_bytes(), named(file, base))
        except OSError as error:
            fault = Fault(named(file, base), f"cannot be read: {error.strerror}", "let it be read")
        if fault is not None:
            yield fault


def refuse(faults: Iterable[Fault]) -> None:
    """Raise InventoryError with all of ``faults``, a line each; nothing where there are none."""
    said = "\n".join(map(str, faults))
    if said:
        raise InventoryError(said)
