"""The lab's inventory is an ordinary one, and its shop an estate without a fault."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

import lab.mail.shop
from lab.hosts import here
from lab.hosts.state import Host, State
from lab.life.session import Lab
from postroad.dns import budget
from postroad.dns.records import LiveCertificate, RecordType, derive
from postroad.roles.run.inventory import InventoryError, load
from postroad.settings.read import read

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(here, "CLONE", tmp_path)
    return tmp_path


def running() -> Lab:
    hosts = {
        "mail1": Host("target", "bare-bookworm", (11, 12, 13)),
        "mail2": Host("target", "bare-trixie", (21,)),
        "ns": Host("world", "world", (2, 3)),
    }
    return Lab(State(7, "/nowhere", hosts=hosts))


def test_the_shop_of_the_lab_has_no_fault(checkout: Path) -> None:
    estate = read(lab.mail.shop.estate(running()), "group_data/lab.py")
    assert [(host.name, host.shared_address) for host in estate.hosts] == [
        ("mail1", False),
        ("mail2", True),
    ]
    ways = estate.host("mail1").ways_out
    assert [(way.helo, str(way.ipv4)) for way in ways] == [
        ("out1.shop.example", "10.84.0.12"),
        ("news1.shop.example", "10.84.0.13"),
    ]


def test_the_shop_of_the_lab_has_every_kind_of_record(checkout: Path) -> None:
    estate = read(lab.mail.shop.estate(running()), "group_data/lab.py")
    records = derive(estate, (), [LiveCertificate("mail1", "0" * 64)])
    assert {record.type for record in records} == set(get_args(RecordType))
    assert budget.faults(records) == ()


def test_logins_are_made_once_and_kept_from_others(checkout: Path) -> None:
    first = lab.mail.shop.estate(running())
    assert lab.mail.shop.estate(running()) == first
    assert lab.mail.shop.users_file().stat().st_mode & 0o777 == 0o600
    assert lab.mail.shop.password("shop") not in str(first)


def test_without_a_lab_its_inventory_says_how_to_bring_one_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none() -> Lab:
        raise lab.LabError("no lab is up for this checkout: script/lab up")

    monkeypatch.setattr(lab, "load", none)
    with pytest.raises(InventoryError, match=r"no lab is up .*: script/lab up"):
        load(ROOT / "inventories" / "lab.py")
    assert load(ROOT / "inventories" / "prod.py").estate.hosts


def test_the_lab_as_inventory(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "load", running)
    loaded = load(ROOT / "inventories" / "lab.py")
    host = loaded.inventory.get_host("mail1")
    assert host.data.get("ssh_hostname") == "10.84.0.11"
    assert host.data.get("ssh_strict_host_key_checking") == "yes"
    assert set(loaded.inventory.hosts) == {"mail1", "mail2"}
