"""What an inventory says of the way to its hosts: of another type than pyinfra takes, or no way.

pyinfra looks at each connector's data when it makes the hosts, names the first that it does not
take by Python's words, and no file; the rest it finds out when it connects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_type_hints

from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.util import raise_if_bad_type

from postroad.settings.faults import Fault
from postroad.settings.operator_files import group_data_of, named
from postroad.settings.shapes import kind

_KINDS: dict[object, str] = {
    str: "a string",
    int: "a whole number",
    bool: "True or False",
    float: "a number",
    dict: "a dictionary",
}
_HIGHEST_PORT = 65535


class _OtherTypeError(Exception):
    """A value has another type than its key takes."""


def of_another_type(inventory: Inventory, file: Path | None, base: Path) -> Iterator[Fault]:
    """A fault for each value that pyinfra does not take, on whichever host.

    One for all hosts that a group gives it to. ``file`` is the inventory, where it is a file.
    """
    told = set()
    for host in inventory:
        for key, value, wanted in _refused(host):
            if (key, repr(value)) in told:
                continue
            told.add((key, repr(value)))
            source = "--data" if key in inventory.override_data else _file_of(key, file, base)
            where = f'{source}: host "{host.name}": "{key}"'
            yield Fault(where, f"is {kind(value)}, not {wanted}", _mend(key, value, wanted))


def _refused(host: Host) -> Iterator[tuple[str, object, str]]:
    connector = host.connector_cls
    for key, type_ in get_type_hints(connector.data_cls).items():
        value = host.data.get(key, _refused)
        if value is _refused:
            continue
        try:
            raise_if_bad_type(value, type_, _OtherTypeError, "")
        except _OtherTypeError:
            yield key, value, _KINDS.get(type_, str(type_))


def _mend(key: str, value: object, wanted: str) -> str:
    if value is None:
        return "leave it out"
    if isinstance(value, Path):
        return "write str(...) around the path"
    if key == "ssh_strict_host_key_checking" and isinstance(value, bool):
        return f'write "{"yes" if value else "no"}", in quotes'
    if isinstance(value, int) and wanted == "a string":
        return "write it in quotes"
    if isinstance(value, str) and value.isdecimal() and wanted in ("a whole number", "a number"):
        return "write it without quotes"
    return f"write {wanted}, or leave it out"


def _file_of(key: str, file: Path | None, base: Path) -> str:
    """The operator's file that names ``key``: the inventory, unless only group_data does."""
    files = [*([file] if file else []), *group_data_of(base)]
    holding = (one for one in files if key in one.read_text(encoding="utf-8"))
    found = next(holding, file)
    return named(found, base) if found else "the inventory"


def no_ways(hosts: Iterable[Host]) -> Iterator[str]:
    """A sentence for each address or port of the inventory that SSH can hardly go to."""
    for host in hosts:
        address, port = host.data.get("ssh_hostname"), host.data.get("ssh_port")
        if isinstance(address, str) and (found := _no_address(address)):
            wrong, mend = found
            yield f'the inventory\'s "ssh_hostname" of {host.name} {wrong}; {mend}'
        if isinstance(port, int) and not 0 < port <= _HIGHEST_PORT:
            yield (
                f'the inventory\'s "ssh_port" of {host.name} is {port}, which is no port;'
                f" write one from 1 to {_HIGHEST_PORT}, or leave it out for 22"
            )


def _no_address(written: str) -> tuple[str, str] | None:
    """What is wrong with an address for SSH, and the mend; None where it may be one."""
    if not written.strip():
        return "is empty, and the host's name is taken", "write its address, or leave it out"
    if found := re.fullmatch(r"\[(.*)\]", written):
        return f"is {written}", f'write it without brackets: "{found[1]}"'
    if found := re.fullmatch(r"([^@]*)@(.*)", written):
        return f"is {written}", f'write "ssh_user": "{found[1]}", "ssh_hostname": "{found[2]}"'
    if found := re.fullmatch(r"\[?([^:\]]*|.*:.*(?=\]))\]?:([0-9]+)", written):
        return f"is {written}", f'write "ssh_hostname": "{found[1]}", "ssh_port": {found[2]}'
    if re.search(r"\s|/|\0", written):
        return f"is {written!r}", 'write a name or an address alone, as "192.0.2.11"'
    return None
