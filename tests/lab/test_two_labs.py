"""Two labs on one machine: a lab touches what it has made, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from lab.hosts import here, network, state
from lab.hosts.guest import wait_until
from lab.hosts.network import Network
from lab.hosts.shell import run
from tests.lab.checkouts import checkout, load, script, traces, up

# Where the first version of control groups is mounted as well, the second is beside it.
_ROOTS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
GROUPS = next(place for place in _ROOTS if (place / "cgroup.procs").exists())
CLAIM = "import sys; from lab.hosts import network; print(network.claim([], sys.argv[1]).number)"


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """A checkout, whose labs are its own."""
    with checkout(tmp_path / "checkout"):
        yield tmp_path / "checkout"


def other_root(clone: Path, own: Path) -> list[str]:
    """How to get into a root with the same network, a checkout at the same place, and own records.

    What differs between roots that somebody enters by chroot(8) is what they have on their disks.
    """
    places = {"run": state.RUN, "data": state.DATA, "checkout": clone}
    for part in places:
        (own / part).mkdir(parents=True, exist_ok=True)
    shutil.copytree(here.CLONE / "lab", own / "checkout" / "lab", dirs_exist_ok=True)
    binds = [f"mount --bind {own / part} {place}" for part, place in places.items()]
    # The working directory is what the mount hides: it is entered anew.
    enter = " && ".join([*binds, f'cd {clone} && exec "$@"'])
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", enter, "sh"]


def are_running(clone: Path) -> bool:
    theirs = load(clone)
    return network.is_up(theirs.network) and all(g.is_running() for g in theirs.hosts.values())


def test_two_roots_on_one_network_do_not_tear_each_other_down(clone: Path, tmp_path: Path) -> None:
    first = up(clone)["number"]
    root = other_root(clone, tmp_path / "other")
    try:
        second = up(clone, root=root)["number"]
        assert second != first
        assert are_running(clone)
        assert script(clone, "status", root=root).returncode == 0
        assert script(clone, "down", root=root).returncode == 0
        assert [line for line in traces(second) if "/postroad-lab/" not in line] == []
        assert are_running(clone)

        # As where its lab has crashed, and the other one has got the number since.
        shutil.copytree(state.RUN / str(first), tmp_path / "other" / "run" / str(first))
        assert script(clone, "status", root=root).returncode == 1, "that lab is not its own"
        third = up(clone, root=root)["number"]
        assert third != first
        assert are_running(clone)
        shutil.copytree(state.RUN / str(first), tmp_path / "other" / "run" / str(first))
        assert script(clone, "down", "--all", root=root).returncode == 0
        assert are_running(clone)
    finally:
        script(clone, "down", "--all", root=root)


def test_a_lab_is_taken_down_by_its_name(clone: Path) -> None:
    numbers = {name: up(clone, name)["number"] for name in ("lab", "other")}
    assert len(set(numbers.values())) == 2
    assert script(clone, "down", name="third").stdout == "no lab was up\n"
    assert script(clone, "down", name="other").returncode == 0
    assert traces(numbers["other"]) == []
    assert are_running(clone)
    up(clone, "other")
    assert script(clone, "down", "--all").returncode == 0
    assert [traces(number) for number in numbers.values()] == [[], []]


def test_a_lab_of_others_may_be_off(clone: Path, tmp_path: Path) -> None:
    """All its hosts are down, as where somebody tests a power failure: it is its owner's still."""
    number = up(clone)["number"]
    for guest in load(clone).hosts.values():
        guest.kill()
    with checkout(tmp_path / "second"):
        up(tmp_path / "second")
    assert network.is_up(load(clone).network)
    assert (state.DATA / str(number) / "guests").is_dir()


def test_a_lab_whose_hosts_stand_still_goes_as_well(clone: Path) -> None:
    """As where a test was cut off that had frozen one."""
    number = up(clone)["number"]
    for guest in load(clone).hosts.values():
        guest.freeze()
    done = script(clone, "down")
    assert done.returncode == 0, done.stderr
    assert traces(number) == []


def test_a_lab_goes_with_its_checkout_s_folder(clone: Path) -> None:
    number = up(clone)["number"]
    shutil.rmtree(clone)
    wait_until(lambda: traces(number) == [], 60, f"end of lab {number}")


def test_a_lab_whose_checkout_is_gone_is_taken_down_by_any_other(
    clone: Path, tmp_path: Path
) -> None:
    """Where nobody watches over it any more."""
    content = up(clone)
    number = content["number"]
    os.kill(content["processes"]["guardian"]["pid"], signal.SIGKILL)
    shutil.rmtree(clone)
    with checkout(tmp_path / "second"):
        assert script(tmp_path / "second", "down").returncode == 0
    assert traces(number) == []


@contextmanager
def elsewhere(group: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a control group that looks like one of a lab's."""
    place = GROUPS / "lxc.payload.outer-of-tests" / group
    place.mkdir(parents=True)
    with subprocess.Popen(["sleep", "600"]) as process:
        (place / "cgroup.procs").write_text(str(process.pid))
        try:
            yield process
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            wait_until(lambda: not (place / "cgroup.procs").read_text(), 10, "an empty group")
            place.rmdir()
            with suppress(OSError):  # Another one's is in it still.
                place.parent.rmdir()


def test_a_lab_inside_a_container_is_left_alone(clone: Path) -> None:
    """It has a network namespace of its own, so that it may well have the same number."""
    theirs = Network(up(clone)["number"], "0123456789")
    names = (f"{theirs.bridge}-mail1", f"{theirs.hosts_prefix}mail1")
    with ExitStack() as stack:
        inside = [stack.enter_context(elsewhere(f"lxc.payload.{name}")) for name in names]
        assert script(clone, "down").returncode == 0
        assert [process.poll() for process in inside] == [None, None]


def in_own_network(*commands: Sequence[str]) -> list[str]:
    """What each says, all run at once in one network namespace of their own."""
    many = (
        "import json, subprocess, sys;"
        "all = [subprocess.Popen(c, stdout=subprocess.PIPE, text=True)"
        " for c in json.loads(sys.argv[1])];"
        "print(json.dumps([p.communicate()[0].strip() for p in all]))"
    )
    argv = ["unshare", "--net", sys.executable, "-c", many, json.dumps(commands)]
    said: list[str] = json.loads(run(argv).stdout)
    return said


def test_those_that_claim_a_number_at_once_have_one_each() -> None:
    claims = [[sys.executable, "-c", CLAIM, f"{at:010x}"] for at in range(6)]
    numbers = in_own_network(*claims)
    assert sorted(map(int, numbers)) == list(range(6))


def test_a_number_that_was_claimed_before_is_kept() -> None:
    twice = f"{CLAIM}; print(network.claim([], sys.argv[1]).number)"
    assert in_own_network([sys.executable, "-c", twice, "0123456789"]) == ["0\n0"]


def test_a_bridge_of_others_is_not_removed() -> None:
    ours, theirs = "0123456789", "9876543210"
    text = (
        f"import sys; from lab.hosts import network; theirs = network.claim([], {theirs!r});"
        "network.make(theirs);"
        f"ours = network.Network(theirs.number, {ours!r}); network.remove(ours);"
        f"network.unclaim({ours!r});"
        "print(network.is_up(theirs), network.is_up(ours), network.is_free_of_labs());"
        "network.remove(theirs); print(network.is_up(theirs), network.is_free_of_labs())"
    )
    assert in_own_network([sys.executable, "-c", text]) == ["True False False\nFalse True"]
