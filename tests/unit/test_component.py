"""A component: what counts as drift, and what its script does to a real folder, by a real sh."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from postroad.host import shell
from postroad.host.change import check_script, script
from postroad.host.component import Component, Directory, File, Unit
from postroad.host.drift import drift
from postroad.host.found import FileState, HostState, UnitState, blank
from tests.unit.machine import made_true
from tests.unit.sandbox import Sandbox, killed_everywhere

FILE = File("/etc/one", b"one\n", "root", "adm", 0o640)
FOLDER = Directory("/etc/folder", "root", "adm", 0o750)
UNIT = Unit("one.service", reads=("/etc/one",))
WHOLE = Component(
    "whole",
    directories=(FOLDER,),
    files=(FILE,),
    absent=("/etc/gone",),
    units=(UNIT,),
    masked=("never.service",),
    activate=("true",),
)
RIGHT = made_true(blank(), WHOLE)


# ---- drift ---------------------------------------------------------------------------------------


def with_file(path: str, **changed: object) -> HostState:
    files = dict(RIGHT.files)
    files[path] = replace(files[path], **changed)  # type: ignore[arg-type]
    return replace(RIGHT, files=files)


def without(path: str) -> HostState:
    return replace(RIGHT, files={p: f for p, f in RIGHT.files.items() if p != path})


def with_unit(name: str, **changed: object) -> HostState:
    units = dict(RIGHT.units)
    units[name] = replace(units[name], **changed)  # type: ignore[arg-type]
    return replace(RIGHT, units=units)


def without_unit(name: str) -> HostState:
    return replace(RIGHT, units={n: u for n, u in RIGHT.units.items() if n != name})


def test_a_host_as_declared_has_no_drift() -> None:
    assert drift(WHOLE, RIGHT) == ()


@pytest.mark.parametrize(
    ("state", "named"),
    [
        (with_file("/etc/one", sha256="0" * 64), "/etc/one (content)"),
        (with_file("/etc/one", owner="nobody"), "/etc/one (owner nobody:adm, not root:adm)"),
        (with_file("/etc/one", group="root"), "/etc/one (owner root:root, not root:adm)"),
        (with_file("/etc/one", mode=0o644), "/etc/one (mode 0644, not 0640)"),
        (with_file("/etc/one", kind="symlink", sha256=""), "/etc/one (is a symlink, not a file)"),
        (without("/etc/one"), "/etc/one (missing)"),
        (without("/etc/folder"), "/etc/folder (missing)"),
        (with_file("/etc/folder", mode=0o2750), "/etc/folder (mode 2750, not 0750)"),
        (with_file("/etc/folder", owner="me"), "/etc/folder (owner me:adm, not root:adm)"),
        (with_file("/etc/folder", kind="file"), "/etc/folder (is a file, not a directory)"),
        (
            replace(RIGHT, files={**RIGHT.files, "/etc/gone": FileState("file", "r", "r", 0)}),
            "/etc/gone (must not exist)",
        ),
        (without_unit("one.service"), "one.service (not loaded)"),
        (
            with_unit("one.service", unit_file="disabled"),
            "one.service (is disabled, not enabled)",
        ),
        (with_unit("one.service", unit_file=""), "one.service (is not enabled, not enabled)"),
        (with_unit("one.service", active="failed"), "one.service (is failed, not active)"),
        (
            with_unit("one.service", needs_reload=True),
            "one.service (unit file newer than what systemd has read)",
        ),
        (with_unit("never.service", unit_file="enabled"), "never.service (is not masked)"),
        (without_unit("never.service"), "never.service (is not masked)"),
        (replace(RIGHT, stamps={}), "whole (files in place, activation not finished)"),
        (
            replace(RIGHT, stamps={"whole": "0" * 64}),
            "whole (files in place, activation not finished)",
        ),
    ],
)
def test_each_difference_is_named_and_it_alone(state: HostState, named: str) -> None:
    assert [str(one) for one in drift(WHOLE, state)] == [named]


def test_every_difference_is_named_at_once() -> None:
    # The stamp is not named beside others: a change always lacks it.
    assert [one.thing for one in drift(WHOLE, blank())] == [
        "/etc/folder",
        "/etc/one",
        "one.service",
        "never.service",
    ]


def test_a_unit_that_may_rest_is_right_when_stopped() -> None:
    resting = replace(WHOLE, units=(replace(UNIT, active="settled"),))
    assert drift(resting, with_unit("one.service", active="inactive")) == ()


def test_a_unit_that_need_not_be_enabled() -> None:
    free = replace(WHOLE, units=(replace(UNIT, enabled=False),))
    assert drift(free, with_unit("one.service", unit_file="disabled")) == ()


@pytest.mark.parametrize("empty", [Component("empty"), Component("gone", absent=("/x",))])
def test_a_component_with_nothing_to_activate_never_waits_for_a_stamp(empty: Component) -> None:
    assert drift(empty, blank()) == ()


@pytest.mark.parametrize(
    "other",
    [
        replace(WHOLE, files=(replace(FILE, content=b"two\n"),)),
        replace(WHOLE, files=(replace(FILE, path="/etc/two"),)),
        replace(WHOLE, units=()),
        replace(WHOLE, activate=("false",)),
    ],
)
def test_the_digest_follows_what_is_activated(other: Component) -> None:
    assert other.digest != WHOLE.digest


def test_the_digest_does_not_hang_on_order_or_rights() -> None:
    more = (FILE, File("/etc/two", b""))
    assert (
        replace(WHOLE, files=more).digest
        == replace(WHOLE, files=tuple(reversed(more)), directories=()).digest
    )
    assert replace(WHOLE, files=(replace(FILE, mode=0o600),)).digest == WHOLE.digest


def test_a_file_keeps_its_content_to_itself() -> None:
    assert "one\\n" not in repr(WHOLE)


# ---- the script, run -----------------------------------------------------------------------------


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    return Sandbox.at(tmp_path, "one.service", "two.service")


def component(box: Sandbox, content: str = "new\n", **changed: object) -> Component:
    """A component with one of everything; one.service reads etc/one."""
    one = box.file("/etc/one", content, 0o640)
    whole = Component(
        "whole",
        directories=(box.directory("/etc/folder", 0o750),),
        files=(one, box.file("/etc/deep/er/two", "two\n", 0o600)),
        absent=(f"{box.root}/gone",),
        units=(Unit("one.service", reads=(one.path,)), Unit("two.service")),
        masked=("never.service",),
        activate=(f"cat {one.path} >> {box.root}/activated",),
    )
    return replace(whole, **changed)  # type: ignore[arg-type]


def applied(box: Sandbox, wanted: Component) -> None:
    """Apply it, and see that nothing is left to do."""
    done = box.apply(wanted)
    assert (done.returncode, done.stderr) == (0, "")
    assert drift(wanted, box.state(wanted)) == ()


def stamp(box: Sandbox, name: str = "whole") -> str:
    return box.text(f"/var/lib/postroad/applied/{name}").strip()


def test_a_bare_host_is_made_as_declared(box: Sandbox) -> None:
    (box.root / "gone").touch()
    wanted = component(box)
    applied(box, wanted)
    assert box.text("/etc/one") == "new\n"
    assert (box.root / "etc/one").stat().st_mode & 0o7777 == 0o640
    assert (box.root / "etc/deep/er/two").stat().st_mode & 0o7777 == 0o600
    assert not (box.root / "gone").exists()
    assert box.text("/activated") == "new\n"
    assert stamp(box) == wanted.digest
    assert box.told() == [
        "daemon-reload",
        "mask --now --quiet never.service",
        "reset-failed never.service",
        "enable --quiet one.service",
        "reset-failed one.service",
        "start one.service",
        "enable --quiet two.service",
        "reset-failed two.service",
        "start two.service",
    ]


def test_nothing_is_left_behind(box: Sandbox) -> None:
    applied(box, component(box))
    left = [p for p in box.root.rglob("*") if "postroad-new" in p.name or p.suffix == ".new"]
    assert left == []
    assert not (box.root / "run/postroad/stage/whole").exists()


def test_a_second_time_nothing_is_written_and_nobody_told(box: Sandbox) -> None:
    wanted = component(box)
    applied(box, wanted)
    before = (box.root / "etc/one").stat().st_ino, box.told()
    applied(box, wanted)
    assert ((box.root / "etc/one").stat().st_ino, box.told()) == before
    assert box.text("/activated") == "new\n"


def test_only_the_reader_of_a_changed_file_is_reloaded(box: Sandbox) -> None:
    applied(box, component(box, "old\n"))
    before = len(box.told())
    applied(box, component(box))
    assert box.told()[before:] == ["reload-or-restart one.service"]
    assert box.text("/units/one.service/read") == "new\n"


def test_a_unit_that_cannot_reload_is_restarted(box: Sandbox) -> None:
    def wanted(content: str) -> Component:
        unit = Unit("one.service", reads=(f"{box.root}/etc/one",), on_change="restart")
        return component(box, content, units=(unit,))

    applied(box, wanted("old\n"))
    before = len(box.told())
    applied(box, wanted("new\n"))
    assert box.told()[before:] == ["restart one.service"]


def with_sockets(box: Sandbox, content: str) -> Component:
    """one.service needs a restart where the first line of what it reads is another one."""
    one = f"{box.root}/etc/one"
    unit = Unit(
        "one.service",
        reads=(one,),
        restart_if=f'[ "$(head -n 1 {one} 2>/dev/null)" != "$(head -n 1 "$stage"{one})" ]',
    )
    return component(box, content, units=(unit,))


@pytest.mark.parametrize(("content", "verb"), [("a\nnew\n", "reload"), ("b\nold\n", "restart")])
def test_a_restart_is_for_what_a_reload_cannot_do(box: Sandbox, content: str, verb: str) -> None:
    applied(box, with_sockets(box, "a\nold\n"))
    before = len(box.told())
    applied(box, with_sockets(box, content))
    assert box.told()[before:] == [f"{verb} one.service"]


@pytest.mark.parametrize(
    ("spoil", "things"),
    [
        (lambda box: (box.root / "etc/one").chmod(0o666), ["/etc/one"]),
        (lambda box: (box.root / "etc/folder").chmod(0o2755), ["/etc/folder"]),
        (lambda box: (box.root / "etc/folder").rmdir(), ["/etc/folder"]),
        (lambda box: (box.root / "gone").write_text("x"), ["/gone"]),
    ],
)
def test_what_concerns_no_daemon_is_mended_without_telling_one(
    box: Sandbox, spoil: Callable[[Sandbox], object], things: list[str]
) -> None:
    wanted = component(box)
    applied(box, wanted)
    told = box.told()
    spoil(box)
    found = drift(wanted, box.state(wanted))
    assert [one.thing for one in found] == [f"{box.root}{thing}" for thing in things]
    applied(box, wanted)
    assert box.told() == told
    assert stamp(box) == wanted.digest


def test_a_folder_inherits_no_bits(box: Sandbox) -> None:
    (box.root / "etc").mkdir()
    (box.root / "etc").chmod(0o2755)
    applied(box, component(box))
    assert (box.root / "etc/folder").stat().st_mode & 0o7777 == 0o750


def test_a_file_in_a_folder_s_place_is_moved_out_of_it(box: Sandbox) -> None:
    (box.root / "etc").mkdir()
    (box.root / "etc/deep").mkdir()
    (box.root / "etc/deep/er").write_text("not ours\n")
    wanted = Component(
        "nested",
        directories=(box.directory("/etc/deep/er"),),
        files=(box.file("/etc/deep/er/two", "two\n"),),
    )
    applied(box, wanted)
    assert box.text("/etc/deep/er/two") == "two\n"
    assert box.text("/etc/deep/er.postroad-old") == "not ours\n"


def test_a_symbolic_link_is_replaced_and_its_target_left_alone(box: Sandbox) -> None:
    (box.root / "etc").mkdir()
    (box.root / "elsewhere").write_text("not ours\n")
    (box.root / "etc/one").symlink_to(box.root / "elsewhere")
    applied(box, component(box))
    assert not (box.root / "etc/one").is_symlink()
    assert box.text("/elsewhere") == "not ours\n"


def test_a_stopped_unit_is_started_and_the_other_left_alone(box: Sandbox) -> None:
    wanted = component(box)
    applied(box, wanted)
    before = len(box.told())
    (box.root / "units/two.service/active").write_text("failed\n")
    applied(box, wanted)
    assert box.told()[before:] == [
        "daemon-reload",
        "reset-failed two.service",
        "start two.service",
    ]


def test_an_unmasked_unit_is_masked_again(box: Sandbox) -> None:
    wanted = component(box)
    applied(box, wanted)
    before = len(box.told())
    (box.root / "units/never.service/unit_file").write_text("disabled\n")
    applied(box, wanted)
    assert box.told()[before:] == ["mask --now --quiet never.service", "reset-failed never.service"]


# ---- the gate ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("echo 'bad line 3' >&2", "bad line 3"),
        ("echo fine; echo 'but odd' >&2", "but odd"),
        ("echo first >&2 && true", "first"),
        ("false", "refused without a word"),
        ("true; false", "refused without a word"),
        ("echo 'bad line 3' >&2; false", "bad line 3"),
        ('grep -q old "$stage"{root}/etc/one', "refused without a word"),
    ],
)
def test_a_word_or_a_status_of_the_gate_refuses_and_nothing_is_changed(
    box: Sandbox, gate: str, said: str
) -> None:
    applied(box, component(box, "old\n"))
    told, digest = box.told(), stamp(box)
    wanted = component(box, gate=gate.replace("{root}", str(box.root)))
    done = box.apply(wanted)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "whole: refused by its check, nothing was changed:",
        said,
    ]
    assert box.text("/etc/one") == "old\n"
    assert (box.told(), stamp(box)) == (told, digest)
    assert not (box.root / "run/postroad/stage/whole").exists()


@pytest.mark.parametrize(("gate", "status"), [("true", 0), ("echo no >&2", 1)])
def test_the_gate_can_be_asked_alone_and_nothing_is_changed(
    box: Sandbox, gate: str, status: int
) -> None:
    applied(box, component(box, "old\n"))
    told, digest = box.told(), stamp(box)
    wanted = component(box, gate=f'{gate}; test -e "$stage"{box.root}/etc/one')
    done = box.sh(check_script(wanted))
    assert done.returncode == status
    assert box.text("/etc/one") == "old\n"
    assert (box.told(), stamp(box)) == (told, digest)
    assert not (box.root / "run/postroad/stage/whole").exists()


def test_the_gate_sees_every_file_as_it_will_be(box: Sandbox) -> None:
    gate = " && ".join(
        [
            f'grep -qx new "$stage"{box.root}/etc/one',
            f'[ "$(stat -c %a "$stage"{box.root}/etc/one)" = 640 ]',
            f'grep -qx two "$stage"{box.root}/etc/deep/er/two',
            f"[ ! -e {box.root}/etc/one ]",
        ]
    )
    applied(box, component(box, gate=gate))


def test_a_gate_that_is_content_may_talk_on_standard_output(box: Sandbox) -> None:
    applied(box, component(box, gate="echo all is well"))


def test_what_a_gate_starts_does_not_hold_the_lock_of_the_run(box: Sandbox) -> None:
    gate = f"{{ readlink /proc/self/fd/9 >> {box.root}/held || :; }}"
    applied(box, component(box, gate=gate))
    assert box.text("/held") == ""
    assert (box.root / "run/postroad/run.lock").exists()


def test_without_a_change_the_gate_is_not_asked(box: Sandbox) -> None:
    wanted = component(box, gate=f"echo asked >> {box.root}/asked")
    applied(box, wanted)
    (box.root / "etc/one").chmod(0o600)
    applied(box, wanted)
    assert box.text("/asked") == "asked\n"


# ---- killed --------------------------------------------------------------------------------------


def finished(box: Sandbox) -> bool:
    """Whether the daemon has read, and listens as, what lies in the file it reads."""
    return (
        box.text("/units/one.service/read") == box.text("/etc/one")
        and box.text("/units/one.service/listening").splitlines()[:1]
        == box.text("/etc/one").splitlines()[:1]
        and box.text("/activated").endswith(box.text("/etc/one"))
    )


def is_clear(box: Sandbox, wanted: Component) -> bool:
    """Whether nothing is staged any more, and what was there before is known to be kept."""
    adopted = box.root / "var/lib/postroad/adopted" / wanted.name
    return adopted.exists() and not (box.root / f"run/postroad/stage/{wanted.name}").exists()


@pytest.mark.parametrize("was", ["", "a\nold\n"])
def test_killed_anywhere_it_is_completed_by_the_next_run(tmp_path: Path, was: str) -> None:
    kills = 0
    while True:
        root = tmp_path / str(kills)
        root.mkdir()
        box = Sandbox.at(root, "one.service")
        if was:
            applied(box, with_sockets(box, was))
        wanted = with_sockets(box, "b\nnew\n")
        scripts = list(killed_everywhere(box.script(wanted)))
        killed = box.sh(scripts[kills])
        assert killed.returncode == -9
        # Never half a file.
        assert box.text("/etc/one") in (was, "b\nnew\n")
        state = box.state(wanted)
        # Where no later run has a reason to come back, nothing is left to do or to clear away.
        assert drift(wanted, state) != () or (finished(box) and is_clear(box, wanted))
        applied(box, wanted)
        assert box.text("/etc/one") == "b\nnew\n"
        assert finished(box), f"killed before: {scripts[kills].split('kill -KILL $$')[1][:200]}"
        kills += 1
        if kills == len(scripts):
            break
    assert kills > 10


def test_the_stamp_is_gone_before_the_first_file_is_replaced_and_back_after_the_last_unit(
    box: Sandbox,
) -> None:
    applied(box, component(box, "old\n"))
    lines = box.script(component(box)).splitlines()

    def place(start: str, last: bool = False) -> int:
        found = [number for number, line in enumerate(lines) if line.startswith(start)]
        return found[-1 if last else 0]

    stamped = "/var/lib/postroad/applied/whole"
    assert (
        place(f"mkdir -p /var/lib/postroad/applied; rm -f {stamped}")
        < place("mv -fT")
        < place("systemctl", last=True)
        < place(f"mv -f {stamped}.new {stamped}")
    )


def test_a_missing_stamp_reloads_every_unit(box: Sandbox) -> None:
    wanted = component(box)
    applied(box, wanted)
    before = len(box.told())
    (box.root / "var/lib/postroad/applied/whole").unlink()
    applied(box, wanted)
    assert box.told()[before:] == [
        "reload-or-restart one.service",
        "reload-or-restart two.service",
    ]
    assert box.text("/activated") == "new\nnew\n"


@pytest.mark.parametrize("content", ["old\n", "new\n"])
def test_a_changed_unit_file_restarts_what_is_made_from_it(box: Sandbox, content: str) -> None:
    """Whether or not something else has changed, for which a reload would do."""
    before = component(box, "old\n", unit_files=(box.file("/etc/one@.service", "[Unit]\n"),))
    applied(box, before)
    told = len(box.told())
    after = (box.file("/etc/one@.service", "[Unit]\nAfter=x\n"),)
    wanted = component(box, content, unit_files=after)
    if content == "old\n":
        (named,) = drift(wanted, box.state(wanted))
        assert str(named) == "whole (runs from an older unit file, and is restarted)"
    applied(box, wanted)
    verbs = [line for line in box.told()[told:] if line.startswith(("restart", "reload"))]
    assert verbs == ["restart one.service", "restart two.service"]
    assert drift(wanted, box.state(wanted)) == ()


def test_two_runs_on_one_host_take_turns(box: Sandbox) -> None:
    text = box.script(component(box))
    assert text.index("flock -w 120 9") < text.index('mkdir -p "$stage"') < text.index("base64 -d")


# ---- shell ---------------------------------------------------------------------------------------

ODD = 'it\'s a "file" $HOME `x`\n'


def test_odd_paths_and_contents_are_data_to_the_shell(box: Sandbox) -> None:
    odd = box.file('/etc/o\'dd $(touch pwned) "name"', ODD)
    applied(box, Component("odd", files=(odd,), directories=(box.directory("/a b'c"),)))
    assert Path(odd.path).read_text() == ODD
    assert not list(box.root.rglob("pwned"))


@pytest.mark.parametrize("content", ["", "no newline", "POSTROAD_END\n", "\0\n", "x" * 100_000])
def test_every_content_arrives_whole(box: Sandbox, content: str) -> None:
    applied(box, Component("one", files=(box.file("/etc/one", content),)))
    assert (box.root / "etc/one").read_bytes() == content.encode()


def test_a_secret_is_in_no_argument_and_in_no_file_that_others_may_read(box: Sandbox) -> None:
    secret = "correct horse"
    # Every program that the script runs is logged with its arguments, and so is each open file.
    for program in ("base64", "chown", "chmod", "cp", "mv", "mkdir", "rm", "flock"):
        wrapper = box.root / "bin" / program
        real = subprocess.run(
            ["sh", "-c", f"command -v {program}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        wrapper.write_text(
            f'#!/bin/sh\necho "{program} $*" >> {box.root}/arguments\n'
            f"find {box.root} -name one* -perm /077 ! -path '*/units/*' >> {box.root}/readable\n"
            f'exec {shlex.quote(real)} "$@"\n'
        )
        wrapper.chmod(0o755)
    wanted = Component("whole", files=(box.file("/etc/one", secret, 0o600),))
    applied(box, wanted)
    arguments = box.text("/arguments")
    assert "base64 -d" in arguments
    assert secret not in arguments
    assert "Y29ycmVjdCBob3JzZQ" not in arguments  # the same in base64
    assert box.text("/readable") == ""


@pytest.mark.parametrize("state", [blank(), RIGHT, replace(RIGHT, stamps={})])
def test_the_script_is_posix_shell(state: HostState) -> None:
    text = script(replace(WHOLE, gate="true"), state)
    checked = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_what_a_host_says_of_a_unit() -> None:
    assert RIGHT.units["one.service"] == UnitState("loaded", "active", "enabled", False)


# ---- what was there before -----------------------------------------------------------------------


def test_a_file_of_somebody_else_s_is_kept_once_as_it_was(box: Sandbox) -> None:
    theirs = box.root / "etc/one"
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text("theirs\n")
    theirs.chmod(0o640)
    for text in ("first\n", "second\n"):
        wanted = Component("one", files=(box.file("/etc/one", text),))
        done = box.apply(wanted)
        assert (done.returncode, done.stderr) == (0, "")
    kept = box.root / "var/lib/postroad/before" / str(theirs).lstrip("/")
    assert kept.read_text() == "theirs\n"
    assert kept.stat().st_mode & 0o777 == 0o640
    assert (box.root / "var/lib/postroad/before").stat().st_mode & 0o777 == 0o700


def test_a_link_is_kept_as_a_link(box: Sandbox) -> None:
    theirs = box.root / "etc/one"
    theirs.parent.mkdir(exist_ok=True)
    theirs.symlink_to("../run/stub")
    assert box.apply(Component("one", files=(box.file("/etc/one", "ours\n"),))).returncode == 0
    kept = box.root / "var/lib/postroad/before" / str(theirs).lstrip("/")
    assert kept.readlink() == Path("../run/stub")


def test_what_is_ours_already_is_not_kept(box: Sandbox) -> None:
    for text in ("first\n", "second\n"):
        assert box.apply(Component("one", files=(box.file("/etc/one", text),))).returncode == 0
    assert not (box.root / "var/lib/postroad/before").exists()


# ---- what others have planted --------------------------------------------------------------------


def owned(box: Sandbox, *paths: str) -> Component:
    """A component of these folders and one file below the last of them."""
    folders = tuple(box.directory(path, 0o750) for path in paths)
    return Component("whole", folders, (box.file(f"{paths[-1]}/one", "ours\n"),))


def test_a_link_in_the_place_of_a_folder_is_named_and_refused(tmp_path: Path) -> None:
    box, target = Sandbox.at(tmp_path), tmp_path / "target"
    target.mkdir(mode=0o755)
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail/box").symlink_to(target)
    wanted = owned(box, "/mail", "/mail/box")
    named = f"{tmp_path}/mail/box (is a symlink, not a directory)"
    assert named in [str(one) for one in drift(wanted, box.state(wanted))]
    done = box.apply(wanted)
    assert done.returncode == 1
    assert f"nothing was changed, for this would lead elsewhere:\n{named}" in done.stderr
    assert target.stat().st_mode & 0o7777 == 0o755
    assert list(target.iterdir()) == []
    assert (tmp_path / "mail/box").is_symlink()


def test_a_link_that_comes_between_the_look_and_the_act_is_refused(tmp_path: Path) -> None:
    box, target = Sandbox.at(tmp_path), tmp_path / "target"
    target.mkdir(mode=0o755)
    wanted = owned(box, "/mail", "/mail/box")
    text = box.script(wanted)
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail/box").symlink_to(target)
    done = box.sh(text)
    assert done.returncode == 1
    assert f"{tmp_path}/mail/box: is a link, or no folder" in done.stderr
    assert target.stat().st_mode & 0o7777 == 0o755
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("word", ["folder", "rights"])
def test_what_cannot_be_changed_is_not_taken_for_a_link(tmp_path: Path, word: str) -> None:
    """Whoever is told to remove a folder of keys does it: it may be immutable (chattr(1))."""
    place = tmp_path / "keys"
    place.mkdir() if word == "folder" else place.touch()
    text = shell.script([f"{word} {place} nobody-at-all:root 00700"], shell.FOLDER, shell.RIGHTS)
    done = Sandbox.at(tmp_path).sh(text)
    assert done.returncode == 1
    assert "a link" not in done.stderr
    assert "remove it" not in done.stderr
    assert f"{place}: cannot be made, or given its owner and rights: leave it" in done.stderr


def test_nothing_is_written_through_a_temporary_name(tmp_path: Path) -> None:
    box, target = Sandbox.at(tmp_path), tmp_path / "target"
    target.write_text("theirs\n")
    (tmp_path / "box").mkdir()
    (tmp_path / "box/one.postroad-new").symlink_to(target)
    wanted = owned(box, "/box")
    done = box.apply(wanted)
    assert (done.returncode, done.stderr) == (0, "")
    assert target.read_text() == "theirs\n"
    assert box.text("/box/one") == "ours\n"
    assert not (tmp_path / "box/one").is_symlink()


@pytest.mark.parametrize("plant", ["symlink_to", "hardlink_to"])
def test_rights_of_a_file_are_mended_through_no_link(tmp_path: Path, plant: str) -> None:
    box, target = Sandbox.at(tmp_path), tmp_path / "target"
    wanted = owned(box, "/box")
    assert box.apply(wanted).returncode == 0
    (tmp_path / "box/one").chmod(0o600)
    text = box.script(wanted)
    target.write_text("theirs\n")
    target.chmod(0o600)
    (tmp_path / "box/one").unlink()
    getattr(tmp_path / "box/one", plant)(target)
    done = box.sh(text)
    assert done.returncode == 1
    assert "is a link, or no file" in done.stderr
    assert target.stat().st_mode & 0o7777 == 0o600


def test_a_link_in_the_place_of_a_file_is_replaced_where_it_is_root_s_alone() -> None:
    root_s = with_file("/etc/one", kind="symlink", sha256="")
    planted_by = with_file("/etc/one", kind="symlink", sha256="", owner="unbound")
    assert "would lead elsewhere" not in script(WHOLE, root_s)
    assert [str(one) for one in drift(WHOLE, planted_by)] == [
        "/etc/one (is a symlink of unbound's, not a file)"
    ]
    assert "would lead elsewhere" in script(WHOLE, planted_by)
