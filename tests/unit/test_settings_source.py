"""The merge rule, as pyinfra itself loads inventories and group_data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from pprint import pformat

import pytest
from pyinfra.api.exceptions import PyinfraError

from postroad.roles.run.inventory import InventoryError, Loaded, estate_for_run, load
from postroad.settings.faults import EstateFaults
from postroad.settings.source import Seen, one_estate
from tests.unit.declarations import Declaration, declaration, put, two_hosts

Write = Callable[[str, str], Path]
HOSTS = 'mail = ["mail1"]\n'


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def at(name: str, text: str) -> Path:
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place

    return at


def declares(estate: Declaration) -> str:
    return f"estate = {pformat(estate)}\n"


def days(log_days: int) -> str:
    return declares(put(declaration(), ("log_days",), log_days))


def faults_of(inventory: Path) -> list[str]:
    with pytest.raises(EstateFaults) as caught:
        load(inventory)
    return [str(fault) for fault in caught.value.faults]


def test_the_file_of_the_inventory_wins_over_other_groups_and_all(write: Write) -> None:
    inventory = write("inventories/prod.py", HOSTS)
    write("group_data/all.py", days(1))
    write("group_data/mail.py", days(2))
    write("group_data/prod.py", days(3))
    assert load(inventory).estate.log_days == 3


def test_a_group_wins_over_all(write: Write) -> None:
    inventory = write("inventories/prod.py", HOSTS)
    write("group_data/all.py", days(1))
    write("group_data/mail.py", days(2))
    assert load(inventory).estate.log_days == 2


def test_the_winner_counts_whole_and_nothing_is_merged(write: Write) -> None:
    inventory = write("inventories/prod.py", HOSTS)
    write("group_data/all.py", days(1))
    write("group_data/prod.py", declares(declaration()))
    assert load(inventory).estate.log_days == 30


def test_files_of_other_inventories_do_not_count(write: Write) -> None:
    inventory = write("inventories/prod.py", HOSTS)
    write("group_data/prod.py", days(3))
    write("group_data/staging.py", days(4))
    assert load(inventory).estate.log_days == 3


def test_two_hosts_that_see_different_estates(write: Write) -> None:
    inventory = write("inventories/prod.py", 'first = ["mail1"]\nsecond = ["mail2"]\n')
    write("group_data/first.py", declares(two_hosts()))
    write("group_data/second.py", declares(put(two_hosts(), ("log_days",), 9)))
    (fault,) = faults_of(inventory)
    assert fault.startswith("group_data/second.py: estate: ")
    assert 'host "mail2" sees another estate than host "mail1" does (group_data/first.py)' in fault
    assert "declare one estate" in fault


def test_a_host_that_sees_no_estate(write: Write) -> None:
    inventory = write("inventories/prod.py", 'first = ["mail1"]\nsecond = ["mail2"]\n')
    write("group_data/first.py", declares(two_hosts()))
    (fault,) = faults_of(inventory)
    assert 'host "mail2" does not see it' in fault
    assert "group_data/prod.py" in fault


def test_no_estate_at_all(write: Write) -> None:
    write("group_data/staging.py", days(4))
    (fault,) = faults_of(write("inventories/prod.py", HOSTS))
    assert fault.startswith("group_data/prod.py: estate: no host sees an estate")


@pytest.mark.parametrize("name", ["group-data", "groupdata", "Group_Data", "group_vars"])
def test_a_folder_that_pyinfra_passes_over_for_its_name(
    write: Write, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inventory = write("inventories/prod.py", HOSTS)
    write(f"{name}/prod.py", days(4))
    with pytest.raises(InventoryError) as caught:
        load(inventory)
    assert f"/{name}: is not where pyinfra looks for the estate" in str(caught.value)
    assert f"git mv {name} group_data" in str(caught.value)
    write("group_data/prod.py", days(3))
    assert load(inventory).estate.log_days == 3


def test_an_estate_that_is_no_dictionary(write: Write) -> None:
    inventory = write("inventories/prod.py", HOSTS)
    write("group_data/prod.py", "estate = []\n")
    (fault,) = faults_of(inventory)
    assert fault.startswith("group_data/prod.py: estate: is not a dictionary")


def test_faults_of_the_estate_its_file_and_its_hosts_come_together(write: Write) -> None:
    inventory = write("inventories/prod.py", 'mail = ["mail1", "mail3"]\n')
    twice = "estate['admin'] = {\n 'email': 'a@shop.example',\n 'email': 'b@shop.example'}\n"
    estate = put(two_hosts(), ("log_days",), 0)
    write("group_data/prod.py", declares(estate) + twice)
    found = faults_of(inventory)
    assert len(found) == 4
    text = "\n".join(found)
    assert 'estate["log_days"]: is 0' in text
    assert 'estate["admin"]["networks"]: is missing' in text
    assert "'email' is already a key in line" in text
    assert 'estate["hosts"]["mail2"]: is no host of the inventory; write "mail3"' in text


def test_a_run_stops_with_the_faults_as_pyinfras_own_error(write: Write) -> None:
    inventory = write("inventories/prod.py", HOSTS)
    write("group_data/prod.py", days(3))
    loaded = load(inventory)
    assert estate_for_run(loaded.inventory) == loaded.estate
    loaded.inventory.group_data["prod"]["estate"]["log_days"] = 0
    with pytest.raises(PyinfraError, match=r'"log_days"\]: is 0; write days between'):
        estate_for_run(loaded.inventory)


def test_any_working_directory(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory = write("project/inventories/prod.py", HOSTS)
    write("project/group_data/prod.py", days(3))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    places = {elsewhere: inventory, tmp_path / "project": Path("inventories/prod.py")}
    for place, path in places.items():
        monkeypatch.chdir(place)
        loaded: Loaded = load(path)
        assert loaded.estate.log_days == 3
        assert loaded.base == tmp_path / "project"


def test_group_data_beside_the_inventory_or_in_the_working_directory(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory = write("deep/er/hosts/prod.py", HOSTS)
    write("deep/er/hosts/group_data/prod.py", days(3))
    assert load(inventory).estate.log_days == 3
    write("cwd/group_data/prod.py", days(4))
    (tmp_path / "deep/er/hosts/group_data/prod.py").unlink()
    monkeypatch.chdir(tmp_path / "cwd")
    assert load(inventory).estate.log_days == 4


@pytest.mark.parametrize(
    ("inventory", "data", "message"),
    [
        ("mail = [", "", r"prod.py: line 1: '\[' was never closed; mend that line"),
        ("import nothing_of_this_name", "", r"inventories/prod.py: line 1: ModuleNotFoundError: "),
        (HOSTS, "estate = missing", r"group_data/prod.py: line 1: NameError: "),
        (
            "from pyinfra.api.exceptions import PyinfraError\nraise PyinfraError('no lab is up')",
            "",
            r"inventories/prod.py: no lab is up$",
        ),
        ("mail = []", "", r"names no host"),
    ],
)
def test_an_inventory_that_cannot_be_run(
    write: Write, inventory: str, data: str, message: str
) -> None:
    place = write("inventories/prod.py", inventory)
    write("group_data/prod.py", data)
    with pytest.raises(InventoryError, match=message):
        load(place)


def test_an_inventory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="there is no such inventory file"):
        load(tmp_path / "prod.py")


def test_every_odd_host_is_named() -> None:
    declared: Declaration = {"hosts": {"a": {}, "b": {}, "c": {}}}
    seen = {"a": Seen("x.py", declared), "b": Seen("y.py", {"k": 1}), "c": None, "web1": None}
    with pytest.raises(EstateFaults) as caught:
        one_estate(seen, ["mail", "prod"])
    assert len(caught.value.faults) == 2
