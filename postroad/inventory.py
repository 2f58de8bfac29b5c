"""Loads a pyinfra inventory in process, with its estate: for the command line, audit and tests."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyinfra.api.config import Config
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State
from pyinfra.context import ctx_state
from pyinfra_cli.exceptions import UnexpectedExternalError  # type: ignore[import-untyped]
from pyinfra_cli.inventory import make_inventory  # type: ignore[import-untyped]

from postroad.settings.faults import EstateFaults
from postroad.settings.literals import repeated_keys
from postroad.settings.model import Estate
from postroad.settings.read import match_inventory, read
from postroad.settings.source import Seen, one_estate
from postroad.terminal import guard


class InventoryError(Exception):
    """An inventory cannot be loaded; the message names the file and what is wrong there."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An inventory, ready to connect to, and what its operator declares.

    ``base`` is the directory that relative paths of the inventory are meant from.
    """

    state: State
    inventory: Inventory
    estate: Estate
    base: Path


def load(path: Path) -> Loaded:
    """Load the inventory file at ``path``; works from any directory.

    Raises InventoryError where there is no such file or it cannot be run, and EstateFaults where
    the estate has faults.
    """
    if not path.is_file():
        raise InventoryError(f"{path}: there is no such inventory file")
    guard()
    place = path.resolve()
    base = base_of(place)
    # As pyinfra's command line does, so that inventories may import what lies beside them.
    if str(base) not in sys.path:
        sys.path.append(str(base))
    state = State()
    state.cwd = str(base)
    inventory = _make(path, state)
    if not inventory.hosts:
        raise InventoryError(f"{path}: names no host: write a list of hosts, as mail = [...]")
    state.init(inventory, Config())
    return Loaded(state, inventory, estate_of(inventory), base)


def _make(path: Path, state: State) -> Inventory:
    try:
        with ctx_state.use(state):
            made: Inventory = make_inventory(str(path.resolve()), cwd=state.cwd)
    except PyinfraError as error:
        raise InventoryError(f"{path}: {error}") from error
    except UnexpectedExternalError as error:
        raise InventoryError(f"{error.filename}: {_said(error.exception)}") from error
    # Inventories and group_data are the operator's code: anything may come out of them.
    except Exception as error:
        raise InventoryError(f"{path}: {_said(error)}") from error
    return made


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def base_of(inventory: Path) -> Path:
    """The directory whose ``group_data`` belongs to an inventory file.

    The one above the inventory's own (``inventories/prod.py``), else the working directory, else
    the inventory's own: pyinfra looks in the last two only.
    """
    for place in (inventory.parent.parent, Path.cwd()):
        if (place / "group_data").is_dir():
            return place
    return inventory.parent


def estate_of(inventory: Inventory) -> Estate:
    """The estate that every host of ``inventory`` sees.

    Raises EstateFaults with every fault of the estate, of its file, and between the two host lists.
    """
    hosts: Mapping[str, Host] = inventory.hosts
    groups = next(iter(hosts.values())).groups if hosts else []
    declared, source = one_estate({name: _seen(host) for name, host in hosts.items()}, groups)
    around = [
        *repeated_keys(_text(inventory, source), source),
        *match_inventory(declared, tuple(hosts), source),
    ]
    try:
        estate = read(declared, source)
    except EstateFaults as inside:
        raise EstateFaults([*inside.faults, *around]) from None
    if around:
        raise EstateFaults(around)
    return estate


def estate_for_run(inventory: Inventory) -> Estate:
    """As `estate_of`, for deploy files: pyinfra shows a PyinfraError without a traceback."""
    try:
        return estate_of(inventory)
    except EstateFaults as faults:
        raise PyinfraError(str(faults)) from None


def _seen(host: Host) -> Seen | None:
    value: object = host.data.get("estate")
    if value is None:
        return None
    return Seen(_source(host), value)


def _source(host: Host) -> str:
    # pyinfra's own accessors carry no types, the attributes behind them do.
    inventory = host.inventory
    if "estate" in inventory.override_data:
        return "--data"
    if "estate" in inventory.host_data.get(host.name, {}):
        return f"inventory, host {host.name}"
    named = [group for group in host.groups if "estate" in inventory.group_data.get(group, {})]
    return f"group_data/{named[-1] if named else 'all'}.py"


def _text(inventory: Inventory, source: str) -> str:
    """The text of the declaring file; empty where the estate is not declared in a file."""
    place = Path(inventory.state.cwd or ".") / source
    return place.read_text(encoding="utf-8") if place.is_file() else ""
