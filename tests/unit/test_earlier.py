"""What earlier versions have left on hosts: it is named, and taken away last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from postroad.audit.suites.files import differing_files
from postroad.host.change import script
from postroad.host.component import Component
from postroad.host.drift import LEFT, Drift, drift
from postroad.host.found import FileState, HostState, blank
from postroad.mail.leaving import host as taken_back
from postroad.mail.parts import earlier as module
from postroad.mail.parts.earlier import EARLIER, PATHS
from postroad.mail.parts.order import every_row, everything
from postroad.mail.preflight import work
from postroad.mail.questions import shape
from tests.unit import estates, healthy, runs
from tests.unit.declarations import declaration
from tests.unit.machine import Machine
from tests.unit.sandbox import Sandbox

FOLDER = FileState("directory", "root", "root", 0o755)
FILE = FileState("file", "root", "root", 0o755, "0" * 64)
ESTATE = declaration()
COMPONENT = next(
    part
    for part in everything(shape(estates.estate(ESTATE), estates.estate(ESTATE).hosts[0]))
    if part.name == "earlier"
)


def test_a_host_that_has_none_of_it_is_as_declared() -> None:
    assert drift(COMPONENT, blank()) == ()


def test_each_that_is_there_is_named() -> None:
    state = replace(blank(), files={PATHS[0]: FOLDER, PATHS[-1]: FILE, "/etc/hosts": FILE})
    assert drift(COMPONENT, state) == (Drift(PATHS[0], LEFT), Drift(PATHS[-1], LEFT))


def test_it_comes_last() -> None:
    for _, estate, host in estates.hosts():
        *_, last = everything(shape(estate, host))
        assert last == COMPONENT


def test_nothing_of_today_s_is_taken_away() -> None:
    """Neither a file that is wanted, nor a folder above one."""
    today = {row.path for row in every_row()}
    for path in PATHS:
        assert path not in today
        assert not [one for one in today if one.startswith(f"{path}/")], path


def test_what_stands_in_its_place_is_there() -> None:
    today = [row.path for row in every_row()]
    for one in EARLIER:
        assert any(one.instead in path for path in today), one


# ---- what a run does about it --------------------------------------------------------------------


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    return Sandbox.at(tmp_path)


def inside(box: Sandbox) -> Component:
    """The component, in the box."""
    gate = (COMPONENT.gate or "").replace("/etc/", f"{box.root}/etc/")
    return replace(COMPONENT, left=tuple(f"{box.root}{path}" for path in PATHS), gate=gate)


def planted(box: Sandbox) -> list[Path]:
    """Each of it, a folder among them that holds a link to what is not ours."""
    (box.root / "theirs").mkdir(parents=True)
    (box.root / "theirs/kept").touch()
    made = [box.root / path.lstrip("/") for path in PATHS]
    for place in made:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    made[0].unlink()
    made[0].mkdir()
    (made[0] / "__main__.py").touch()
    (made[0] / "link").symlink_to(box.root / "theirs")
    return made


def test_a_run_removes_it_and_leaves_no_mark_of_that(box: Sandbox) -> None:
    made, wanted = planted(box), inside(box)
    assert len(drift(wanted, box.state(wanted))) == len(PATHS)
    done = box.apply(wanted)
    assert (done.returncode, done.stderr) == (0, "")
    assert [place for place in made if place.exists()] == []
    assert (box.root / "theirs/kept").exists()
    assert drift(wanted, box.state(wanted)) == ()
    # Hosts that never had it look the same.
    assert box.state(wanted).stamps == {}
    assert "earlier" not in box.state(wanted).adopted


def test_what_units_are_started_from_yet_is_left_with_its_reason(box: Sandbox) -> None:
    made, wanted = planted(box), inside(box)
    unit = box.root / "etc/systemd/system/postroad-milter@.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=/usr/local/lib/postroad/milter\n")
    done = box.apply(wanted)
    assert done.returncode == 1
    assert "run deploys/mailserver.py as it is" in done.stderr
    assert [place for place in made if not place.exists()] == []
    unit.write_text("[Service]\nExecStart=/usr/bin/python3 -IB /usr/local/lib/postroad milter\n")
    assert box.apply(wanted).returncode == 0


def test_no_unit_of_today_is_started_from_there() -> None:
    for _, estate, host in estates.hosts()[:1]:
        for row in every_row():
            if row.part == "units":
                text = estates.text(row.path, estate, host, estates.facts(estate, host))
                assert "\nExecStart=/usr/local/lib/postroad/" not in text, row.path


# ---- the whole run -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> HostState:
    """What a first run makes of a bare host."""
    with pytest.MonkeyPatch.context() as patch:
        runner = runs.runner(tmp_path_factory.mktemp("base"), patch)
        machine = Machine(ESTATE)
        runner.has(machine)
        assert not runner.run(ESTATE).failed
        assert "earlier" not in machine.happened
        return machine.state


def test_a_dry_run_names_it_and_a_run_takes_it_away_last(
    made: HostState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = runs.runner(tmp_path, monkeypatch)
    before = {**made.files, PATHS[0]: FOLDER, PATHS[2]: FILE}
    machine = Machine(ESTATE, state=replace(made, files=before))
    runner.has(machine)
    assert runner.plan(ESTATE).plan["mail1"] == [
        f"Firewall | What an earlier postroad left: {PATHS[0]} ({LEFT}), {PATHS[2]} ({LEFT})"
    ]
    assert not runner.run(ESTATE).failed
    assert machine.happened == ["earlier"]
    assert not machine.state.files.keys() & {*PATHS}
    assert runner.plan(ESTATE).plan["mail1"] == []


def test_a_host_of_an_earlier_version_is_asked_with_its_own_checker() -> None:
    """Until it has today's, nobody would look."""
    from postroad.roles.run.facts.world import WorldSees

    text = WorldSees("[]").script()
    assert f"elif [ -e {module.WORLD_SEES} ]; then" in text


def test_what_keeps_root_from_removing_it_is_known_before_the_first_change() -> None:
    estate = estates.estate(ESTATE)
    state = replace(blank(), files={PATHS[0]: FOLDER})
    assert PATHS[0] in work([COMPONENT], estate, estate.hosts[0], state).files
    assert PATHS[0] not in work([COMPONENT], estate, estate.hosts[0], blank()).files


def test_the_audit_names_it_and_what_it_has_instead() -> None:
    host = replace(healthy.audited(), components=(COMPONENT,))
    assert list(differing_files(host)) == []
    files = {**host.state.files, PATHS[0]: FOLDER}
    (fault,) = differing_files(replace(host, state=replace(host.state, files=files)))
    assert fault.wrong == f"{PATHS[0]} was left by an earlier postroad"
    assert EARLIER[0].instead in fault.follows
    assert fault.mend == host.run


# ---- a host that leaves --------------------------------------------------------------------------


def test_a_host_that_leaves_keeps_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below our own folders it goes with them; elsewhere, by itself."""
    monkeypatch.setattr(taken_back, "_EARLIER", ("/etc/cron.d/postroad",))
    assert " /etc/cron.d/postroad; do" in taken_back.probe()
    ours = taken_back.Ours(paths=frozenset({"/etc/cron.d/postroad"}))
    assert taken_back.parts(ours) == ("earlier",)
    said = taken_back.files(ours, ()).splitlines()
    removed = next(one for one in said if one.startswith("rm -rf /etc/"))
    assert removed == "rm -rf /etc/postroad /usr/local/lib/postroad /etc/cron.d/postroad"


def test_the_script_of_one_that_has_nothing_is_never_asked_for() -> None:
    assert "rm -rf /usr" not in script(COMPONENT, blank())
