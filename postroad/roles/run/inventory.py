"""Loads a pyinfra inventory in process, with its estate: for the command line, audit and tests."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from traceback import walk_tb

from pyinfra.api.config import Config
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State
from pyinfra.context import ctx_state
from pyinfra_cli.exceptions import UnexpectedExternalError  # type: ignore[import-untyped]
from pyinfra_cli.inventory import (  # type: ignore[import-untyped]
    _get_group_data,
    make_inventory,
)

from postroad.roles.run.pyinfra_call import called_inventory
from postroad.roles.run.pyinfra_words import plainly
from postroad.roles.run.ways_in import of_another_type
from postroad.settings.faults import EstateFaults, Fault
from postroad.settings.files import from_base, is_file
from postroad.settings.literals import repeated_keys
from postroad.settings.model import Estate
from postroad.settings.operator_files import (
    InventoryError,
    base_of,
    group_data_of,
    named,
    no_hosts,
    no_inventory,
    not_there,
    other_group_data,
    refuse,
    unreadable_files,
)
from postroad.settings.python import failed, odd_groups, passed_over
from postroad.settings.read import match_inventory, read
from postroad.settings.source import Seen, one_estate
from postroad.settings.terminal import all_to_standard_error

__all__ = ["InventoryError", "Loaded", "base_of", "estate_for_run", "estate_of", "hosts_of", "load"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """An inventory, ready to connect to, and what its operator declares.

    ``base`` is the directory that relative paths of the inventory are meant from. The inventory may
    have hosts that are not the estate's: ``state`` connects to none of them.
    """

    state: State
    inventory: Inventory
    estate: Estate
    base: Path

    @property
    def hosts(self) -> list[Host]:
        """The hosts of the estate, in the inventory's order."""
        return hosts_of(self.estate, self.inventory)

    @property
    def outside(self) -> tuple[str, ...]:
        """The names of the inventory's hosts that are not the estate's, and are let be."""
        ours = {host.name for host in self.estate.hosts}
        return tuple(name for name in self.inventory.hosts if name not in ours)


def hosts_of(estate: Estate, inventory: Inventory) -> list[Host]:
    """The hosts of ``inventory`` that ``estate`` declares."""
    ours = {host.name for host in estate.hosts}
    return [host for host in inventory if host.name in ours]


def load(path: Path) -> Loaded:
    """Load the inventory file at ``path``; works from any directory.

    Raises InventoryError where there is no such file or it cannot be run, and EstateFaults where
    the estate has faults.
    """
    if not is_file(path):
        raise InventoryError(not_there(path))
    refuse(no_inventory(path))
    plainly()
    place = path.resolve()
    base = base_of(place)
    refuse(unreadable_files([place, *group_data_of(base)], base))
    text, file = place.read_text(encoding="utf-8"), named(place, base)
    refuse(odd_groups(text, file))
    # The operator's files may print: standard output is for our answer alone.
    with all_to_standard_error():
        return _loaded(place, base, text)


def _loaded(place: Path, base: Path, text: str) -> Loaded:
    file = named(place, base)
    # As pyinfra's command line does, so that inventories may import what lies beside them.
    if str(base) not in sys.path:
        sys.path.append(str(base))
    state = State()
    state.cwd = str(base)
    try:
        inventory = _make(place, base, state)
        if not inventory.hosts:
            raise InventoryError(no_hosts(file))
        refuse(of_another_type(inventory, place, base))
        _init(state, inventory, file)
        estate = estate_of(inventory)
    except (InventoryError, EstateFaults):
        # Where pyinfra has left a group out, whatever else is wrong follows from that.
        refuse(passed_over(text, file))
        refuse(other_group_data(place, base))
        raise
    state.limit_hosts = hosts_of(estate, inventory)
    _from_base(inventory, base)
    return Loaded(state, inventory, estate, base)


def _make(place: Path, base: Path, state: State) -> Inventory:
    try:
        with ctx_state.use(state):
            made: Inventory = make_inventory(str(place), cwd=state.cwd)
    except PyinfraError as error:
        raise InventoryError(f"{named(place, base)}: {error}") from error
    # Inventories and group_data are the operator's code: anything may come out of them.
    except (Exception, SystemExit) as error:
        raise InventoryError(str(fault_of(error, place, base))) from error
    return made


def _init(state: State, inventory: Inventory, file: str) -> None:
    try:
        state.init(inventory, Config())
    except PyinfraError as error:
        raise InventoryError(f"{file}: {error}") from error


def fault_of(error: BaseException, place: Path, base: Path) -> Fault:
    """Which of the operator's lines ``error`` comes from, as pyinfra has run the file ``place``."""
    if isinstance(error, SystemExit):
        # Whatever else comes out of a file, pyinfra wraps with the file's name.
        ours = {file.resolve() for file in (place, *group_data_of(base))}
        files = [frame.f_code.co_filename for frame, _ in walk_tb(error.__traceback__)]
        place = next((Path(one) for one in reversed(files) if Path(one).resolve() in ours), place)
    if not isinstance(error, UnexpectedExternalError):
        return failed(error, named(place, base), str(place))
    ran = str(error.filename)
    return failed(error.exception, named(Path(ran), base), ran)


# What pyinfra looks for in the folder that it is started in, and nowhere else.
_FILES_OF_SSH = ("ssh_known_hosts_file", "ssh_config_file")


def _from_base(inventory: Inventory, base: Path) -> None:
    """Let the inventory's relative paths mean the same wherever a command is started."""
    for host in inventory:
        for key in _FILES_OF_SSH:
            path = host.data.get(key)
            if isinstance(path, str):
                # What can be no file stays as it is written: who connects says so of that host.
                with suppress(OSError):
                    inventory.host_data[host.name][key] = str(from_base(base, path))


def estate_of(inventory: Inventory) -> Estate:
    """The estate that every host of ``inventory`` sees.

    Raises EstateFaults with every fault of the estate, of its file, and between the two host lists.
    """
    hosts: Mapping[str, Host] = inventory.hosts
    groups = next(iter(hosts.values())).groups if hosts else []
    elsewhere = [group for group, data in inventory.group_data.items() if "estate" in data]
    seen = {name: _seen(host) for name, host in hosts.items()}
    declared, source = one_estate(seen, groups, elsewhere, partial(_text, inventory))
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
        _bring_group_data(inventory, called_inventory())
        return estate_of(inventory)
    except (EstateFaults, InventoryError) as faults:
        raise PyinfraError(str(faults)) from None


def _bring_group_data(inventory: Inventory, place: Path | None) -> None:
    """Read what pyinfra has not, as it was started in another folder than the estate's.

    From then on the run's relative paths begin in the estate's folder, as they do for commands.
    """
    state, here = inventory.state, Path(inventory.state.cwd or Path.cwd()).resolve()
    base = here if place is None else base_of(place)
    if base == here:
        return
    if (here / "group_data").is_dir():
        raise InventoryError(
            f"{here}/group_data: was read as well, as pyinfra was started there, and"
            f" {named(place or base, base)} belongs to {base}; start pyinfra in {base}, as by"
            f" pyinfra --chdir {base}"
        )
    refuse(unreadable_files(group_data_of(base), base))
    sys.path.append(str(base))
    try:
        found = _get_group_data(str(base / "group_data"))
    except PyinfraError:
        raise
    except (Exception, SystemExit) as error:
        raise InventoryError(str(fault_of(error, base / "group_data", base))) from error
    for group, data in found.items():
        inventory.group_data[group].update(data)
    state.cwd = str(base)


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
