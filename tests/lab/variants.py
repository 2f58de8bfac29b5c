"""The lab's estate, cut down to mail2 and changed in one place, as an inventory of its own.

Changes that name hosts say which there are.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.mail import road
from postroad.settings.hidden import Hidden

_INVENTORY = """
import json
from pathlib import Path

import lab

running = lab.load()
changes = json.loads((Path(__file__).parent / "group_data" / "changes.json").read_text())
mail = (
    [
        (name, {"ssh_hostname": running.hosts[name].ipv4[0]})
        for name in changes.get("hosts", ["mail2"])
    ],
    {
        "ssh_user": "root",
        "ssh_key": str(running.ssh_key),
        "ssh_known_hosts_file": str(running.known_hosts),
        "ssh_strict_host_key_checking": "yes",
        "ssh_look_for_keys": False,
        "ssh_allow_agent": False,
    },
)
"""

_ESTATE = """
import json
from pathlib import Path

from lab import load
from lab.mail import shop

declared = shop.estate(load())
changes = json.loads(Path(__file__).with_name("changes.json").read_text())
estate = {**declared, "hosts": {"mail2": declared["hosts"]["mail2"]}, **changes}
__all__ = ["estate"]
"""


@dataclass(frozen=True)
class Variant:
    """An inventory file and the estate beside it."""

    inventory: Path

    def deploy(self, *options: str) -> subprocess.CompletedProcess[str]:
        """`pyinfra -y` of this variant."""
        return road.pyinfra("-y", *options, str(self.inventory), str(road.DEPLOY))

    def plan(self, *options: str) -> list[road.Entry]:
        """What a dry run of this variant would change."""
        done = road.pyinfra("--dry", "--json", *options, str(self.inventory), str(road.DEPLOY))
        assert done.returncode == 0, done.stdout + done.stderr
        entries: list[road.Entry] = json.loads(done.stdout)["plan"]
        return [entry for entry in entries if entry["hosts_with_change"]]


def variant(folder: Path, changes: Mapping[str, object]) -> Variant:
    """Write the variant into ``folder``; ``changes`` replace keys of the estate."""
    data = folder / "group_data"
    data.mkdir()
    (folder / "variant.py").write_text(_INVENTORY)
    (data / "variant.py").write_text(_ESTATE)
    (data / "changes.json").write_text(json.dumps(plain(changes)))
    return Variant(folder / "variant.py")


def plain(value: object) -> object:
    """The value as data that can be written down: no text in it is hidden."""
    if isinstance(value, Hidden):
        return value.unmask()
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value
