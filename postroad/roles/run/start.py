"""What pyinfra does before anything else, by config.py: a look at the files that it will run.

Nothing is run here, and no host is asked: what Python cannot read, and groups that are none, are
told with file, line and mend, all at once. pyinfra itself would end in the frames of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import pyinfra
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.inventory import Inventory

from postroad.roles.run.execute import forget_askpass
from postroad.roles.run.inventory import fault_of
from postroad.roles.run.left_out import connected_all
from postroad.roles.run.pyinfra_call import called, called_inventory
from postroad.roles.run.pyinfra_words import errors_plainly, plainly
from postroad.roles.run.ways_in import of_another_type
from postroad.settings.operator_files import (
    InventoryError,
    base_of,
    group_data_of,
    named,
    no_hosts,
    no_inventory,
    not_there,
    refuse,
    unreadable_files,
)
from postroad.settings.python import may_name_hosts, odd_groups, passed_over


def start() -> None:
    """Have pyinfra speak plainly, and refuse files that it could not run. Raises PyinfraError."""
    plainly()
    if not pyinfra.is_cli:
        return
    errors_plainly()
    _connect_plainly()
    _inventory_plainly()
    _leave_at_once()
    inventory, operations = called()
    try:
        _look(inventory, [Path(one) for one in operations if one.endswith(".py")])
    except InventoryError as error:
        raise PyinfraError(str(error)) from None


def _connect_plainly() -> None:
    """From here on a host that cannot be connected to is lost with its reason, and nobody asks."""
    from pyinfra_cli import cli  # type: ignore[import-untyped]

    if not hasattr(cli.connect_all, "__wrapped__"):
        cli.connect_all = connected_all(cli.connect_all)


def _inventory_plainly() -> None:
    """From here on what an inventory says of the ways to its hosts is judged before they are made.

    pyinfra names the first value that it does not take, and neither its file nor its mend.
    """
    from pyinfra_cli import cli

    if not hasattr(cli.make_inventory, "__wrapped__"):
        cli.make_inventory = _judged(cli.make_inventory)


def _judged(make: Callable[..., Inventory]) -> Callable[..., Inventory]:
    @wraps(make)
    def made(inventory: str, **options: Any) -> Inventory:
        place = called_inventory()
        base = Path.cwd() if place is None else base_of(place)
        try:
            found = make(inventory, **options)
            if place and not found.hosts:
                raise InventoryError(no_hosts(named(place, base)))
            refuse(of_another_type(found, place, base))
        except InventoryError as error:
            raise PyinfraError(str(error)) from None
        except SystemExit as error:
            raise PyinfraError(str(fault_of(error, place or base, base))) from None
        return found

    return made


def _leave_at_once() -> None:
    """From here on nobody waits, at the end of a run, for what a host has left running."""
    from pyinfra.api import host

    host.remove_any_sudo_askpass_file = forget_askpass  # type: ignore[assignment]


def _look(inventory: str, deploys: list[Path]) -> None:
    place = Path(inventory)
    if not place.is_file():
        # A list of hosts, a connector or a module is pyinfra's to understand.
        if inventory.endswith(".py") or place.is_dir():
            raise InventoryError(not_there(place))
        return
    refuse(no_inventory(place))
    base = base_of(place.resolve())
    files = [place, *group_data_of(base), *(one for one in deploys if one.is_file())]
    refuse(unreadable_files(files, base))
    text, file = place.read_text(encoding="utf-8"), named(place, base)
    refuse(odd_groups(text, file))
    if not may_name_hosts(text):
        refuse(passed_over(text, file))
        raise InventoryError(no_hosts(file))
