"""What an inventory says of the ways to its hosts: of another type, or of no file or address."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.commands import cli
from tests.unit.first_repository import (
    DEPLOY,
    ESTATE,
    HOSTS,
    changed,
    postroad,
    pyinfra,
    refusing,
    said,
    written,
)

RIGHT = '{"ssh_hostname": "192.0.2.11"}'
# What stands behind the key → what is wrong, and what to write.
OTHER_TYPES = {
    '"ssh_port": "22"': ("is a string, not a whole number", "write it without quotes"),
    '"ssh_port": None': ("is None, not a whole number", "leave it out"),
    '"ssh_key": Path("id")': ("not a string", "write str(...) around the path"),
    '"ssh_key": None': ("is None, not a string", "leave it out"),
    '"ssh_user": None': ("is None, not a string", "leave it out"),
    '"ssh_hostname": None': ("is None, not a string", "leave it out"),
    '"ssh_hostname": 1': ("is a number, not a string", "write it in quotes"),
    '"ssh_strict_host_key_checking": True': ("is True or False, not a string", 'write "yes"'),
    '"ssh_known_hosts_file": Path("k")': ("not a string", "write str(...) around the path"),
    '"ssh_allow_agent": "no"': ("is a string, not True or False", "write True or False"),
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return written(tmp_path)


def check(capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    status = cli.main(["settings", "check", HOSTS])
    shown = capfd.readouterr()
    return status, shown.err


@pytest.mark.parametrize("data", OTHER_TYPES)
def test_a_value_of_another_type(data: str, shop: Path, capfd: pytest.CaptureFixture[str]) -> None:
    changed(shop, HOSTS, RIGHT, f'{{"ssh_hostname": "192.0.2.11", {data}}}')
    status, told = check(capfd)
    key = data.partition(":")[0]
    wrong, mend = OTHER_TYPES[data]
    assert status == 2
    assert told.startswith(f'{HOSTS}: host "mail1": {key}: ')
    assert wrong in told
    assert mend in told
    assert told.count("\n") == 1


def test_on_a_host_outside_the_estate_and_of_a_group(
    shop: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    changed(shop, HOSTS, "mail = (", 'web = (["web1", "web2"], {"ssh_port": "22"})\nmail = (')
    status, told = check(capfd)
    assert (status, told.count("\n")) == (2, 1)
    assert told.startswith(f'{HOSTS}: host "web1": "ssh_port": is a string')


def test_the_file_that_says_it(shop: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (shop / "group_data" / "all.py").write_text('ssh_port = "22"\n')
    status, told = check(capfd)
    assert (status, told.partition(":")[0]) == (2, "group_data/all.py")


def test_every_command_says_so(shop: Path) -> None:
    changed(shop, HOSTS, RIGHT, '{"ssh_hostname": "192.0.2.11", "ssh_port": "22"}')
    words = f'{HOSTS}: host "mail1": "ssh_port": is a string, not a whole number; write it without'
    for command in (["queue", HOSTS], ["audit", HOSTS], ["dns", "plan", HOSTS]):
        done = postroad(shop, *command)
        assert done.returncode == 2
        assert words in said(done)
    done = postroad(shop, "audit", "--nagios", HOSTS)
    assert (done.returncode, done.stdout.count("\n")) == (3, 1)
    assert done.stdout.startswith(f"POSTROAD UNKNOWN - {words}")


def test_and_pyinfra_itself(shop: Path) -> None:
    changed(shop, HOSTS, RIGHT, '{"ssh_hostname": "192.0.2.11", "ssh_port": "22"}')
    done = pyinfra(shop, "--dry", HOSTS, DEPLOY)
    assert done.returncode == 1
    assert f'{HOSTS}: host "mail1": "ssh_port": is a string, not a whole number' in said(done)


NO_WAYS = {
    '"ssh_hostname": "192.0.2.11:22"': 'write "ssh_hostname": "192.0.2.11", "ssh_port": 22',
    '"ssh_hostname": "[2001:db8::1]:22"': 'write "ssh_hostname": "2001:db8::1", "ssh_port": 22',
    '"ssh_hostname": "root@192.0.2.11"': 'write "ssh_user": "root", "ssh_hostname": "192.0.2.11"',
    '"ssh_hostname": "[::1]"': 'write it without brackets: "::1"',
    '"ssh_hostname": ""': "write its address, or leave it out",
    '"ssh_hostname": "192.0.2.11/24"': "write a name or an address alone",
    '"ssh_port": 70000': "write one from 1 to 65535",
    '"ssh_port": 0': "write one from 1 to 65535",
}


@pytest.mark.parametrize("data", NO_WAYS)
def test_where_no_ssh_can_go(data: str, shop: Path, capfd: pytest.CaptureFixture[str]) -> None:
    changed(shop, HOSTS, RIGHT, f"{{{data}}}")
    status, told = check(capfd)
    (line,) = [one for one in told.splitlines() if "of mail1" in one]
    assert (status, NO_WAYS[data] in line) == (0, True)


@pytest.mark.parametrize("address", ["192.0.2.11", "2001:db8::1", "fe80::1%eth0", "mail1.example"])
def test_where_ssh_can_go(address: str, shop: Path, capfd: pytest.CaptureFixture[str]) -> None:
    changed(shop, HOSTS, RIGHT, f'{{"ssh_hostname": "{address}", "ssh_port": 2222}}')
    status, told = check(capfd)
    assert (status, "of mail1" in told) == (0, False)


# ---- paths


NO_FILES = ["~nouser-at-all/x", "x" * 300, "a\\0b", "~nouser-at-all", "nowhere/x"]


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("ssh_key", "~nouser-at-all/x"),
        ("ssh_key", "x" * 300),
        ("ssh_known_hosts_file", "~nouser-at-all/x"),
        ("ssh_known_hosts_file", "a\\0b"),
        ("ssh_config_file", "~nouser-at-all/x"),
    ],
)
def test_a_way_in_by_what_is_no_file(key: str, path: str, shop: Path) -> None:
    """In every command: none of them ends in the frames of whoever looked for it."""
    refusing(shop, f', "{key}": "{path}"')
    changed(shop, HOSTS, '"ssh_known_hosts_file"', '"other"')
    checked = postroad(shop, "settings", "check", HOSTS)
    assert checked.returncode == 0
    assert key == "ssh_config_file" or f'"{key}" is ' in said(checked)
    asked = postroad(shop, "queue", HOSTS)
    assert asked.returncode == 2
    assert "mail1: " in said(asked)
    said(postroad(shop, "audit", HOSTS))
    run = pyinfra(shop, "--dry", HOSTS, DEPLOY)
    assert run.returncode == 1
    assert "mail1: no connection: " in said(run)


FILES = {
    '["tls"]["ca_file"]': ('{"source": "acme"}', '{{"source": "acme", "ca_file": {}}}'),
    '["tls"]["chain_file"]': (
        '{"source": "acme"}',
        '{{"source": "supplied", "chain_file": {}, "key": {{"env": "KEY"}}}}',
    ),
    '["resolver"]["root_hints_file"]': (
        '"record_ttl"',
        '"resolver": {{"root_hints_file": {}}}, "record_ttl"',
    ),
    '["resolver"]["trust_anchor_file"]': (
        '"record_ttl"',
        '"resolver": {{"trust_anchor_file": {}}}, "record_ttl"',
    ),
}


@pytest.mark.parametrize("key", FILES)
def test_a_file_of_the_estate_in_a_home(
    key: str, shop: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(shop))
    right, wrong = FILES[key]
    changed(shop, ESTATE, right, wrong.format('"~/there.pem"'))
    (shop / "there.pem").touch()
    assert check(capfd)[0] == 0
    (shop / "there.pem").unlink()
    told = f"estate{key} names ~/there.pem, which is not there"
    assert told in check(capfd)[1]
    (shop / "there.pem").touch()
    assert told not in check(capfd)[1]


@pytest.mark.parametrize("key", FILES)
@pytest.mark.parametrize("path", NO_FILES)
def test_a_file_of_the_estate_that_can_be_none(
    key: str, path: str, shop: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    right, wrong = FILES[key]
    changed(shop, ESTATE, right, wrong.format(f'"{path}"'))
    status, told = check(capfd)
    assert f"estate{key}" in told
    # What no system holds is a fault; what another machine may have is a warning.
    assert status == (1 if "\\0" in path or len(path) > 255 else 0)
