"""What Ansible is told: every file, folder, unit, key and rule that a run of ours would bring."""

from __future__ import annotations

import io
import json
import stat
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from benchmarks.export import Exported, exported, write
from benchmarks.paths import HERE
from postroad.host.component import Component
from postroad.host.found import blank
from postroad.mail.parts.order import everything
from postroad.mail.parts.part import Builder
from postroad.mail.render import HostFacts
from postroad.mail.signing.found import KeyState
from postroad.settings.model import NoTls
from tests.unit import estates
from tests.unit.declarations import put
from tests.unit.states import altered

ESTATE = estates.estate(
    put(estates.everything_optional(), ("tls",), {"source": "acme", "ca_file": "tls/ca.crt"})
)
HOST = ESTATE.host("mail1")
KEYS = (
    KeyState("transactional", "shop.example", "202601-mail1", "key"),
    KeyState("marketing", "news.shop.example", "202601-mail1", "key"),
)
STATE = altered(blank(), keys=KEYS)
FACTS: HostFacts = estates.facts(ESTATE, HOST)
COMPONENTS: tuple[Component, ...] = tuple(
    everything(Builder(ESTATE, HOST, STATE, FACTS, estates.renderer()))
)
TIMES = {
    file.path: 1_800_000_000 + n for n, file in enumerate(f for c in COMPONENTS for f in c.files)
}


@pytest.fixture(scope="module")
def told() -> Exported:
    return exported(ESTATE, HOST, STATE, COMPONENTS, TIMES)


def members(told: Exported) -> dict[str, tuple[bytes, str, str, int, float]]:
    found = {}
    for content in told.archives.values():
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for one in archive:
                read = archive.extractfile(one)
                assert read is not None
                row = (read.read(), one.uname, one.gname, one.mode, one.mtime)
                assert f"/{one.name}" not in found
                found[f"/{one.name}"] = row
    return found


def test_every_file_is_in_one_archive_as_it_must_be(told: Exported) -> None:
    assert members(told) == {
        f.path: (f.content, f.owner, f.group, f.mode, TIMES[f.path])
        for component in COMPONENTS
        for f in component.files
    }


def test_the_playbook_unpacks_every_archive(told: Exported) -> None:
    text = (HERE / "ansible" / "mailserver.yml").read_text(encoding="utf-8")
    (play,) = yaml.safe_load(text)
    sources = [task.get("ansible.builtin.unarchive", {}).get("src", "") for task in play["tasks"]]
    unpacked = {Path(source).stem for source in sources if source}
    assert unpacked - {"{{ item }}"} == set(told.archives) - set(told.variables["streams"])


def test_every_unit_folder_and_rule_is_told(told: Exported) -> None:
    said = told.variables
    units = [unit.name for component in COMPONENTS for unit in component.units]
    assert [unit["name"] for unit in said["units"]] == units
    assert said["masked"] == [name for component in COMPONENTS for name in component.masked]
    folders = {d.path for component in COMPONENTS for d in component.directories}
    assert folders <= {row["path"] for row in said["directories"]}
    assert "postfix" in said["packages"]
    assert said["null_client"] == "postfix.service"
    for line in said["firewall"]["added"]:
        words = line.replace("'", "").split(" comment ")[0].split()
        assert any(command[: len(words)] == words for command in said["firewall"]["commands"])
    assert said["firewall"]["commands"][-1] == ["ufw", "--force", "enable"]


def test_keys_have_folders_where_root_alone_writes(told: Exported) -> None:
    paths = [key["path"] for key in told.variables["keys"]]
    assert len(paths) == len(KEYS)
    rows = {row["path"]: row for row in told.variables["directories"]}
    rights = [rows[str(Path(path).parent)] for path in paths]
    assert {(row["owner"], row["mode"]) for row in rights} == {("root", "0750")}


def test_another_source_of_certificates_is_refused() -> None:
    with pytest.raises(ValueError, match="ACME"):
        exported(replace(ESTATE, tls=NoTls()), HOST, STATE, COMPONENTS, TIMES)


def test_what_is_written_is_closed_to_others(told: Exported, tmp_path: Path) -> None:
    folder = tmp_path / "ansible"
    write(folder, "mail1", told)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    said = json.loads((folder / "host_vars" / "mail1.json").read_text(encoding="utf-8"))
    assert said == told.variables
    for name, content in told.archives.items():
        assert (folder / "files" / "mail1" / f"{name}.tar").read_bytes() == content
