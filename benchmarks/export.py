"""What a converged host has, told to Ansible: python -m benchmarks.export INVENTORY FOLDER

The same bytes, owners, modes and units that a run of ours brings come out of our own model here, so
that benchmarks/ansible/mailserver.yml brings the same host to the same state. Written are
``host_vars/HOST.json`` and ``files/HOST/NAME.tar`` below FOLDER. What hangs on what a host is like
(its packages' releases, whether its streams are open) is as on that host.

A process of its own: pyinfra makes the one that imports it cooperative, relays among the rest.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.context import ctx_host

from postroad.host.component import Component, File, Unit
from postroad.host.found import HostState
from postroad.host.paths import (
    ACME_LINEAGE,
    MAILBOX_USER,
    MAILBOXES,
    key_folder,
    key_path,
    stream_folder,
)
from postroad.mail.firewall import allowed
from postroad.mail.firewall.plan import Firewall, plan_firewall
from postroad.mail.firewall.read import FirewallState
from postroad.mail.signing.found import KEYS
from postroad.mail.signing.keys import BITS, FOLDER_RIGHTS, OWNER, signing_keys
from postroad.mail.software import packages
from postroad.roles.run import made
from postroad.roles.run.live import connected
from postroad.roles.run.site import Site
from postroad.settings.model import AcmeTls, Estate, Host

Json = dict[str, Any]

# Components whose files nobody has to read anew: one archive for all of them.
QUIET = ("identity", "tools", "logs", "certificate")


@dataclass(frozen=True)
class Exported:
    """One host for Ansible: its variables, and its files as archives (tar) by name."""

    variables: Json
    archives: Mapping[str, bytes]


def exported(
    estate: Estate,
    host: Host,
    state: HostState,
    components: Sequence[Component],
    times: Mapping[str, int],
) -> Exported:
    """What Ansible needs to bring a bare host to what ``components`` declare. Pure.

    ``times`` is when each file was changed last, in seconds of the epoch: tar(1) holds a file with
    another time to be another file.
    """
    units = [unit for each in components for unit in each.units]
    return Exported(
        {
            "apt_proxy": estate.apt_proxy or "",
            "host_name": host.hostname,
            "packages": list(packages(estate)),
            "mailbox_user": {"name": MAILBOX_USER, "home": MAILBOXES},
            "directories": list(_directories(estate, host, state, components)),
            "absent": [path for each in components for path in each.absent],
            "units": list(map(_unit, units)),
            "masked": [name for each in components for name in each.masked],
            "null_client": next(
                u.name for u in reversed(units) if "/etc/postfix/main.cf" in u.reads
            ),
            "streams": list(host.streams),
            "keys": list(_keys(estate, host, state)),
            "certificate": _certificate(estate, host),
            "firewall": _firewall(estate, host),
        },
        {name: _archive(files, times) for name, files in _by_archive(components).items()},
    )


def _by_archive(components: Iterable[Component]) -> dict[str, list[File]]:
    found: dict[str, list[File]] = {}
    for each in components:
        name = "quiet" if each.name in QUIET else each.name
        found.setdefault(name, []).extend(each.files)
    return {name: files for name, files in found.items() if files}


def _archive(files: Iterable[File], times: Mapping[str, int]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for file in files:
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            entry.size, entry.mode, entry.mtime = len(file.content), file.mode, times[file.path]
            entry.uname, entry.gname = file.owner, file.group
            archive.addfile(entry, io.BytesIO(file.content))
    return written.getvalue()


def _directories(
    estate: Estate, host: Host, state: HostState, components: Iterable[Component]
) -> Iterator[Json]:
    """Every folder with an owner and a mode of its own; those of the keys among them."""
    for each in components:
        yield from (_place(d.path, d.owner, d.group, d.mode) for d in each.directories)
    for key in signing_keys(estate, host, state[KEYS]):
        for path in (f"{stream_folder(key.stream)}/keys", key_folder(key.stream, key.domain)):
            yield _place(path, *FOLDER_RIGHTS)


def _place(path: str, owner: str, group: str, mode: int) -> Json:
    return {"path": path, "owner": owner, "group": group, "mode": f"{mode:04o}"}


def _unit(unit: Unit) -> Json:
    return {
        "name": unit.name,
        "enabled": unit.enabled,
        "started": unit.active == "running",
    }


def _keys(estate: Estate, host: Host, state: HostState) -> Iterator[Json]:
    for key in signing_keys(estate, host, state[KEYS]):
        path = key_path(key.stream, key.domain, key.selector)
        yield {"path": path, "bits": BITS, "owner": OWNER}


def _certificate(estate: Estate, host: Host) -> Json:
    """ACME by HTTP, as the lab's estate has it; ValueError where another one is declared."""
    if not isinstance(estate.tls, AcmeTls):
        raise ValueError("the playbook gets certificates from an ACME authority alone")
    return {
        "lineage": ACME_LINEAGE,
        "directory": estate.tls.directory,
        "email": estate.tls.email,
        "names": list(host.certificate_names),
    }


def _firewall(estate: Estate, host: Host) -> Json:
    """The commands that make it, from nothing, and what ``ufw show added`` says then."""
    rules = allowed.rules(estate, host)
    plan = plan_firewall(FirewallState(), Firewall(rules=rules))
    return {
        "added": [f"ufw {rule}" for rule in rules],
        "commands": [list(command) for command in plan.commands],
    }


def write(folder: Path, name: str, host: Exported) -> None:
    """Write what ``exported`` made of host ``name``. Hashes are among it: closed to others."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    variables = folder / "host_vars" / f"{name}.json"
    variables.parent.mkdir(exist_ok=True)
    variables.write_text(json.dumps(host.variables, indent=1) + "\n", encoding="utf-8")
    for archive, content in host.archives.items():
        place = folder / "files" / name / f"{archive}.tar"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def _of(site: Site) -> Exported:
    with ctx_host.use(site.pyhost):
        components = made.components(site)
        paths = [file.path for each in components for file in each.files]
        return exported(site.estate, site.host, site.state(), components, _times(site, paths))


def _times(site: Site, paths: Iterable[str]) -> dict[str, int]:
    """When each file was changed last. RuntimeError where one is not there."""
    ask = StringCommand("stat", "-c", QuoteString("%Y %n"), *map(QuoteString, paths))
    succeeded, said = site.pyhost.run_shell_command(ask)
    if not succeeded:
        raise RuntimeError(f"{site.host.name} is not converged: {said.stderr}")
    rows = (line.partition(" ") for line in said.stdout_lines)
    return {path: int(time) for time, _, path in rows}


def main(arguments: list[str]) -> int:
    """0 with everything written."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export")
    parser.add_argument("inventory", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args(arguments)
    with connected(asked.inventory) as (_, sites):
        for site in sites:
            write(asked.folder, site.host.name, _of(site))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
