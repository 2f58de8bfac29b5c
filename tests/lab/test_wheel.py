"""The wheel in an empty environment, and an infrastructure repository of the operator's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.hosts import here
from lab.life.session import Lab
from lab.mail import shop
from tests.lab.installed import Repository
from tests.lab.variants import plain

DEPLOY = (here.CLONE / "deploys" / "mailserver.py").read_text()


@pytest.fixture(scope="module")
def repository(
    deployed: Lab, programs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Repository:
    """An inventory, its estate and a deploy file, written by hand."""
    folder = tmp_path_factory.mktemp("infrastructure")
    (folder / "mail.py").write_text(DEPLOY)
    (folder / "inventories").mkdir()
    (folder / "inventories" / "own.py").write_text(f"mail = {_hosts(deployed)!r}\n")
    (folder / "group_data").mkdir()
    (folder / "group_data" / "own.py").write_text(f"estate = {plain(shop.estate(deployed))!r}\n")
    return Repository(folder, programs)


def _hosts(lab: Lab) -> tuple[list[tuple[str, dict[str, str]]], dict[str, object]]:
    hosts = [(name, {"ssh_hostname": guest.ipv4[0]}) for name, guest in lab.targets.items()]
    return hosts, {
        "ssh_user": "root",
        "ssh_key": str(lab.ssh_key),
        "ssh_known_hosts_file": str(lab.known_hosts),
        "ssh_strict_host_key_checking": "yes",
        "ssh_look_for_keys": False,
        "ssh_allow_agent": False,
    }


def test_what_is_installed_is_the_wheel(repository: Repository) -> None:
    where = "import postroad, postroad.mail.render; print(postroad.mail.render.TEMPLATES)"
    done = repository.run("python", "-c", where)
    assert Path(done.stdout.strip()).is_relative_to(repository.programs.parent), done.stderr


def test_it_finds_the_deployed_hosts_as_declared(repository: Repository) -> None:
    """Same templates, same model: what the checkout has put on hosts is what the wheel wants."""
    done = repository.run("pyinfra", "--dry", "--json", "inventories/own.py", "mail.py")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)["plan"]
    assert [entry["name"] for entry in plan if entry["hosts_with_change"]] == []
    assert len(plan) > 20


def test_it_mends_a_host(deployed: Lab, repository: Repository) -> None:
    guest = deployed.targets["mail1"]
    guest.run("echo drift >> /etc/mailname")
    done = repository.run("pyinfra", "-y", "inventories/own.py", "mail.py")
    assert done.returncode == 0, done.stderr
    assert "drift" not in guest.read_file("/etc/mailname")


def test_it_audits(repository: Repository) -> None:
    done = repository.run("postroad", "audit", "inventories/own.py", "-k", "files and not daemons")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
