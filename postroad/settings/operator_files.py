"""The files that an operator has written, before any of them is run: where they are, and which can
be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from postroad.settings.faults import Fault
from postroad.settings.python import unreadable

# What the folder is called by mistake, and by Ansible.
_LIKE_GROUP_DATA = ("groupdata", "groupdatas", "groupsdata", "groupvar", "groupvars", "datagroup")
# How many files are proposed: the first of them is what most have.
_LISTED = 3


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
    """Another part of a repository, named in the place of its inventory."""
    place = path.resolve()
    found = _inventories(place.parent.parent)
    match place.parent.name:
        case "group_data":
            mend = f"name the inventory, as inventories/{path.name}"
            yield Fault(str(path), "is what the hosts are, not which there are", mend)
        case "deploys":
            mend = f"name the inventory first, as {found[0] if found else 'inventories/prod.py'}"
            yield Fault(str(path), "is what is done on hosts, not which there are", mend)


def no_hosts(file: str) -> str:
    """What to say of an inventory that names none."""
    return f"{file}: names no host; write mail = [...], a list of hosts"


def not_there(path: Path) -> str:
    """What to say of an inventory file that is none."""
    is_folder = _is_dir(path)
    found = next(filter(None, map(_inventories, (path if is_folder else path.parent, Path()))), [])
    wrong = "is a folder" if is_folder else "there is no such inventory file"
    if found:
        some = " or ".join(found[:_LISTED])
        mend = f"name the file in it, as {some}" if is_folder else f"name one that is, as {some}"
    else:
        mend = "correct its path, or have a first one written by `postroad init`"
    return f"{path}: {wrong}; {mend}"


def _inventories(folder: Path) -> list[str]:
    """The files in ``folder`` that may be inventories, as they are typed from here."""
    if not _is_dir(folder) or folder.resolve().name in ("group_data", "deploys"):
        return []
    here = Path.cwd()
    for place in (folder / "inventories", folder):
        if found := sorted(one for one in place.glob("*.py") if not _is_of_pyinfra(one)):
            return [
                str(one.relative_to(here) if one.is_relative_to(here) else one) for one in found
            ]
    return []


def _is_of_pyinfra(file: Path) -> bool:
    return file.name == "config.py" or file.name.startswith("_")


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def named(file: Path, base: Path) -> str:
    """A file of the operator's as faults name it: from ``base``, where it lies below that."""
    whole = file.resolve()
    return str(whole.relative_to(base) if whole.is_relative_to(base) else file)


def group_data_of(base: Path) -> list[Path]:
    """The files that pyinfra runs for every inventory of ``base``, whatever group they are for."""
    return sorted((base / "group_data").glob("*.py"))


def other_group_data(inventory: Path, base: Path) -> Iterator[Fault]:
    """The folder that pyinfra passes over for its name, where there is none of the right one."""
    if (base / "group_data").is_dir():
        return
    for place in dict.fromkeys((inventory.parent.parent, inventory.parent, base)):
        for folder in sorted(place.iterdir()):
            plain = "".join(letter for letter in folder.name.lower() if letter.isalpha())
            if plain in _LIKE_GROUP_DATA and folder.is_dir():
                mend = f"call it group_data: git mv {named(folder, place)} group_data"
                yield Fault(str(folder), "is not where pyinfra looks for the estate", mend)


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
