"""The Vagrant box: its estate, its certificate, and what the Vagrantfile says of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from lab.hosts import here
from lab.images import box, recipes
from lab.mail import vagrant
from lab.mail.logins import logins
from lab.world import certificates
from postroad.settings.read import read

VAGRANTFILE = (here.CLONE / "Vagrantfile").read_text()


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("USERS_FILE", "CHAIN_FILE", "KEY_FILE", "_BOTH_FILE"):
        monkeypatch.setattr(vagrant, name, tmp_path / getattr(vagrant, name).name)
    monkeypatch.setattr(vagrant, "KEPT", tmp_path)
    monkeypatch.setattr(here, "CLONE", tmp_path)
    monkeypatch.delenv("VAGRANT_DOTFILE_PATH", raising=False)


def test_the_estate_is_without_a_fault_and_lone() -> None:
    estate = read(vagrant.estate("10.0.3.57"), "group_data/@vagrant.py")
    (host,) = estate.hosts
    assert estate.lone
    assert host.name == "@vagrant/mta"
    assert [str(network) for network in estate.stream("marketing").clients] == ["10.0.3.0/24"]


def test_a_box_behind_a_forwarded_port_has_an_address_of_its_own() -> None:
    assert vagrant.address({"ssh_hostname": "10.0.3.57"}) == "10.0.3.57"
    assert vagrant.address({"ssh_hostname": "127.0.0.1"}) == vagrant.VIRTUALBOX_ADDRESS
    assert f'"private_network", ip: "{vagrant.VIRTUALBOX_ADDRESS}"' in VAGRANTFILE


def test_passwords_and_certificate_outlive_the_box_but_not_its_address() -> None:
    first = vagrant.estate("10.0.3.57")
    chain = vagrant.CHAIN_FILE.read_text()
    assert vagrant.estate("10.0.3.57") == first
    assert vagrant.CHAIN_FILE.read_text() == chain
    assert vagrant.KEY_FILE.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE KEY" in vagrant.KEY_FILE.read_text()
    assert "PRIVATE KEY" not in chain
    vagrant.estate("10.0.3.58")
    assert vagrant.CHAIN_FILE.read_text() != chain


def test_a_certificate_holds_for_its_names_its_address_and_its_time() -> None:
    made = certificates.self_signed(["mta.shop.example"], "10.0.3.57")

    def holds(name: str = "mta.shop.example", address: str = "10.0.3.57", days: int = 30) -> bool:
        return certificates.holds(made, [name], address, timedelta(days=days))

    assert holds()
    assert not holds(name="other.shop.example")
    assert not holds(address="10.0.3.58")
    assert not holds(days=400)


def test_the_host_key_lies_with_the_machine_that_vagrant_knows(tmp_path: Path) -> None:
    assert vagrant.known_hosts() == tmp_path / "known_hosts"
    machine = tmp_path / ".vagrant/machines/mta/lxc"
    machine.mkdir(parents=True)
    (machine / "id").touch()
    assert vagrant.known_hosts() == machine / "known_hosts"
    assert (machine / "known_hosts").is_file()


def test_the_words_name_no_password() -> None:
    vagrant.estate("10.0.3.57")
    users = logins(vagrant.USERS_FILE, vagrant.USERS.values())
    assert "users.json" in vagrant.words()
    assert not any(user["password"] in vagrant.words() for user in users.values())


def test_the_vagrantfile_calls_the_boxes_as_they_are_built() -> None:
    built = set(re.findall(r'"(postroad/\w+)"', VAGRANTFILE))
    assert built == {box.name(suite) for suite in ("bookworm", "trixie", "noble")}
    assert f'"POSTROAD_RELEASE", "{box.DEFAULT}"' in VAGRANTFILE
    assert f'config.vm.define "{vagrant.MACHINE}"' in VAGRANTFILE


def test_a_box_has_what_vagrant_and_pyinfra_count_on() -> None:
    recipe = recipes.vagrant("bookworm")
    assert {"openssh-server", "python3", "sudo"} <= set(recipe.packages)
    assert any("NOPASSWD" in command for command in recipe.commands)
    # No two boxes have the same host keys.
    assert any('rm -f "$1"/etc/ssh/ssh_host_*' in command for command in recipe.commands)
    assert any("ssh-keygen -A" in command for command in recipe.commands)


def test_an_unknown_release_is_told_before_anything_is_installed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert box.main(["buster"]) == 1
    assert "no suite 'buster': use one of " in capsys.readouterr().err


def test_building_a_box_needs_root(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert box.main([]) == 1
    assert "needs root" in capsys.readouterr().err


def test_a_checkout_that_was_not_set_up_says_what_to_do(tmp_path: Path) -> None:
    script = tmp_path / "script" / "vagrant-deploy"
    script.parent.mkdir()
    shutil.copy(Path(__file__).parents[2] / "script" / "vagrant-deploy", script)
    done = subprocess.run([str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "run script/setup, then vagrant provision" in done.stderr
