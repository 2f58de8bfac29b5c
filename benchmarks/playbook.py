"""Ansible for the same hosts: installed by itself, told what our model says, run and timed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from venv import EnvBuilder

from benchmarks.paths import BUILD, HERE
from benchmarks.slow import Ways
from lab.life.session import Lab

RECIPE = HERE / "ansible"
# Closed to others: what the hosts' files hold is among it.
FOLDER = BUILD / "ansible"
_VENV = BUILD / "ansible-venv"
_CONSTRAINTS = RECIPE / "constraints.txt"
_STAMP = _VENV / "constraints.txt"


@dataclass(frozen=True)
class Recap:
    """What Ansible says of one host in the end."""

    changed: int
    failed: int
    unreachable: int


@dataclass(frozen=True)
class Played:
    """What a run of the playbook did: a recap by host, and every change as ``task: item``."""

    recaps: Mapping[str, Recap]
    changes: tuple[str, ...]


def install() -> None:
    """Put the pinned ansible-core into an environment of its own, where it is not there yet."""
    wanted = _CONSTRAINTS.read_text(encoding="utf-8")
    if _STAMP.exists() and _STAMP.read_text(encoding="utf-8") == wanted:
        return
    EnvBuilder(with_pip=True, clear=True).create(_VENV)
    pip = (str(_VENV / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check")
    done = subprocess.run(
        [*pip, "install", "--constraint", str(_CONSTRAINTS), "ansible-core"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"ansible-core could not be installed:\n{done.stderr}")
    _STAMP.write_text(wanted, encoding="utf-8")


def export(inventory: Path) -> None:
    """Tell Ansible what the hosts of ``inventory`` are to have, from what they have now."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.export", inventory, FOLDER],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the hosts' state could not be exported:\n{done.stderr}")


def inventory(lab: Lab, ways: Ways) -> str:
    """An inventory (YAML, of which JSON is a part) that reaches the hosts in those ways."""
    options = (
        f"UserKnownHostsFile={ways.known_hosts}",
        "GlobalKnownHostsFile=/dev/null",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
    )
    shared = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(lab.ssh_key),
        "ansible_ssh_common_args": " ".join(f"-o {option}" for option in options),
    }
    hosts = {
        name: {"ansible_host": address, "ansible_port": port}
        for name, (address, port) in ways.places.items()
    }
    return json.dumps({"mail": {"hosts": hosts, "vars": shared}}, indent=1) + "\n"


def play(lab: Lab, ways: Ways, hosts: Sequence[str]) -> Played:
    """Run the playbook for ``hosts``, over connections that nobody has opened before.

    RuntimeError where a host failed, with what Ansible said.
    """
    place = FOLDER / "hosts.json"
    place.write_text(inventory(lab, ways), encoding="utf-8")
    with _fresh_connections() as environment:
        done = subprocess.run(
            [*_command(place, hosts), str(RECIPE / "mailserver.yml")],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    played = Played(recaps(done.stdout), tuple(changes(done.stdout)))
    if done.returncode != 0 or set(played.recaps) != set(hosts):
        raise RuntimeError(f"Ansible failed:\n{done.stdout[-4000:]}\n{done.stderr}")
    return played


def _command(place: Path, hosts: Sequence[str]) -> tuple[str, ...]:
    program = str(_VENV / "bin" / "ansible-playbook")
    return program, "--inventory", str(place), "--limit", ",".join(hosts)


@contextmanager
def _fresh_connections() -> Iterator[dict[str, str]]:
    """Ansible's environment, with a folder for its connections that is empty and is closed again.

    Each run of pyinfra opens its own, so each of Ansible's does as well.
    """
    # Not below BUILD: the path of a UNIX socket has 107 characters (unix(7)).
    with tempfile.TemporaryDirectory(prefix="postroad-ansible-") as folder:
        sockets = Path(folder)
        try:
            yield {
                **{k: v for k, v in os.environ.items() if not k.startswith("ANSIBLE_")},
                "ANSIBLE_CONFIG": str(RECIPE / "ansible.cfg"),
                "ANSIBLE_SSH_CONTROL_PATH_DIR": folder,
                "ANSIBLE_NOCOLOR": "1",
                "LC_ALL": "C.UTF-8",
            }
        finally:
            for socket in sockets.iterdir():
                said = ["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "anybody"]
                subprocess.run(said, capture_output=True, check=False)


_RECAP = re.compile(
    r"^(?P<host>\S+)\s+: ok=\d+\s+changed=(?P<changed>\d+)\s+unreachable=(?P<unreachable>\d+)"
    r"\s+failed=(?P<failed>\d+)",
    re.MULTILINE,
)
_TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(?P<name>.*)\]")


def recaps(said: str) -> dict[str, Recap]:
    """The lines of PLAY RECAP, by host."""
    found = (match.groupdict() for match in _RECAP.finditer(said))
    return {
        row["host"]: Recap(int(row["changed"]), int(row["failed"]), int(row["unreachable"]))
        for row in found
    }


def changes(said: str) -> Iterator[str]:
    """What was changed: the task, the host and the item of each."""
    task = ""
    for line in said.splitlines():
        if match := _TASK.match(line):
            task = match["name"]
        elif line.startswith("changed: "):
            yield f"{task}: {line.removeprefix('changed: ')}"
