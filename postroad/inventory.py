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
from pyinfra_cli.inventory import make_inventory  # type: ignore[import-untyped]

from postroad.settings.faults import EstateFaults
from postroad.settings.model import Estate
from postroad.settings.read import match_inventory, read
from postroad.settings.source import Seen, one_estate


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

    Raises FileNotFoundError where there is no such file, EstateFaults where the estate has faults,
    and pyinfra's own errors where the inventory cannot be loaded.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such inventory file")
    place = path.resolve()
    base = base_of(place)
    # As pyinfra's command line does, so that inventories may import what lies beside them.
    if str(base) not in sys.path:
        sys.path.append(str(base))
    state = State()
    state.cwd = str(base)
    with ctx_state.use(state):
        inventory = make_inventory(str(place), cwd=str(base))
    state.init(inventory, Config())  # type: ignore[no-untyped-call]
    return Loaded(state, inventory, estate_of(inventory), base)


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
    """The estate that every host of ``inventory`` sees; EstateFaults where it has faults."""
    hosts: Mapping[str, Host] = inventory.hosts
    groups = next(iter(hosts.values())).groups if hosts else []
    declared, source = one_estate({name: _seen(host) for name, host in hosts.items()}, groups)
    estate = read(declared, source)
    match_inventory(estate, tuple(hosts), source)
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
    if "estate" in inventory.host_data[host.name]:
        return f"inventory, host {host.name}"
    named = [group for group in host.groups if "estate" in inventory.group_data[group]]
    return f"group_data/{named[-1] if named else 'all'}.py"
