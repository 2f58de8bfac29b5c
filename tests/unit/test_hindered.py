"""Daemons that run and are of no use to others: a run finds them, and starts them anew.

tests/lab/test_mends.py does it to real ones.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from postroad.host.change import script
from postroad.host.component import Component, Socket, Unit
from postroad.host.drift import Drift, drift
from postroad.host.found import FileState, HostState, UnitState, parse, probe
from postroad.host.paths import ACME_ARCHIVE, ACME_LIVE, ACME_RENEWAL
from postroad.mail import certificate
from postroad.mail.acme import request_script
from postroad.mail.certificate import CERTIFICATE, CertificateState, certificate_faults
from postroad.settings.model import AcmeTls
from tests.unit import estates
from tests.unit.declarations import declaration
from tests.unit.machine import Machine, made_true
from tests.unit.sandbox import Sandbox
from tests.unit.test_scripts import program

NAME = "postroad-dkim@marketing.service"
PLACE = "/run/postroad-dkim-marketing/signer.sock"
PART = Component("marketing", units=(Unit(NAME, sockets=(Socket(PLACE, "postfix", 0o770),)),))
GOOD = FileState("other", "opendkim", "postfix", 0o770)


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    return Sandbox.at(tmp_path)


@pytest.fixture
def well() -> HostState:
    state = made_true(Machine(declaration()).state, PART)
    return replace(state, sockets={PLACE: GOOD})


def changed(state: HostState, *, is_frozen: bool = False, is_young: bool = False) -> HostState:
    unit = replace(state.units[NAME], is_frozen=is_frozen, is_young=is_young)
    return replace(state, units={NAME: unit})


def at_socket(state: HostState, found: FileState | None) -> HostState:
    return replace(state, sockets={PLACE: found})


def hindrances(well: HostState) -> Iterator[tuple[HostState, str]]:
    yield changed(well, is_frozen=True), "stands still, stopped by a signal (SIGSTOP)"
    yield at_socket(well, None), f"{PLACE} is gone"
    yield (
        at_socket(well, replace(GOOD, group="root")),
        f"{PLACE} is of group root, not postfix",
    )
    yield at_socket(well, replace(GOOD, mode=0o700)), f"{PLACE} has mode 0700, not 0770"


def test_a_daemon_that_others_reach_is_as_declared(well: HostState) -> None:
    assert drift(PART, well) == ()
    # Who owns it may be dynamic, and one that has just been started may still be at it.
    assert drift(PART, at_socket(well, replace(GOOD, owner="65110"))) == ()
    young = changed(well, is_young=True)
    assert drift(PART, at_socket(young, None)) == ()


def test_a_daemon_that_is_hindered_is_drift_and_is_started_anew(well: HostState) -> None:
    for state, how in hindrances(well):
        assert drift(PART, state) == (Drift(NAME, how),)
        lines = script(PART, state).splitlines()
        assert f"systemctl restart {NAME}" in lines
        # Nothing else is done, and so nothing has to be finished.
        assert not [line for line in lines if "applied/marketing" in line]
        frozen = state.units[NAME].is_frozen
        assert (f"systemctl kill --signal=CONT {NAME}" in lines) == frozen


def test_one_that_is_to_rest_is_not_started(well: HostState) -> None:
    resting = replace(well, units={NAME: UnitState("loaded", "inactive", "enabled", False)})
    assert drift(PART, at_socket(resting, None)) == (Drift(NAME, "is inactive, not active"),)


@pytest.mark.parametrize("stream", ["transactional", "marketing"])
def test_the_declared_sockets_are_those_of_the_configurations(stream: str) -> None:
    machine = Machine(declaration())
    unit_sockets = {
        unit.name: [socket.path for socket in unit.sockets]
        for unit in machine.component(stream).units
    }
    content = {file.path: file.content.decode() for file in machine.component(stream).files}
    signer = content[f"/etc/postroad/{stream}/opendkim.conf"]
    logins = content[f"/etc/postroad/{stream}/dovecot.conf"]
    postfix = content[f"/etc/postfix-{stream}/main.cf"]
    folder, socket = unit_sockets[f"postroad-dkim@{stream}.service"]
    assert f"local:{socket}\n" in signer
    assert f"unix:{socket}," in postfix
    assert socket.startswith(f"{folder}/")
    folder, socket = unit_sockets[f"postroad-auth@{stream}.service"]
    assert f"unix_listener {socket} " in logins
    assert f"smtpd_sasl_path = {socket}\n" in postfix
    folder, socket = unit_sockets[f"postroad-milter@{stream}.service"]
    assert f"unix:{socket}," in postfix


# ---- how it is seen


def asked(box: Sandbox, **more: object) -> str:
    """What the probe would ask of a host that has what is in ``box``."""
    questions = replace(
        box.questions(PART),
        units=[NAME],
        **more,  # type: ignore[arg-type]
    )
    return probe(questions).replace("/proc/[0-9]*/status", f"{box.root}/proc/[0-9]*/status")


def seen(box: Sandbox, **more: object) -> HostState:
    done = box.sh(asked(box, **more))
    readings = more.get("readings", box.questions().readings)
    assert isinstance(readings, tuple)
    return parse(done.stdout.splitlines(), readings)


def process(box: Sandbox, pid: int, state: str, cgroup: str) -> None:
    place = box.root / "proc" / str(pid)
    place.mkdir(parents=True)
    (place / "status").write_text(f"Name:\tx\nState:\t{state}\nPid:\t{pid}\n")
    (place / "cgroup").write_text(f"0::{cgroup}\n")


def test_what_a_signal_has_stopped_is_seen(box: Sandbox) -> None:
    (box.root / "units" / NAME).mkdir(parents=True)
    ours = rf"/system.slice/system-postroad\x2ddkim.slice/{NAME}"
    process(box, 7, "S (sleeping)", ours)
    assert not seen(box).units[NAME].is_frozen
    # Anybody may have a unit of that name below his own manager.
    process(box, 8, "T (stopped)", f"/user.slice/user-1000.slice/user@1000.service/{NAME}")
    assert not seen(box).units[NAME].is_frozen
    process(box, 9, "T (stopped)", ours)
    assert seen(box).units[NAME].is_frozen


def test_sockets_are_seen_and_those_that_are_not_there(box: Sandbox) -> None:
    there, gone = box.root / "there", box.root / "gone"
    there.touch(mode=0o600)
    found = seen(box, sockets=(str(there), str(gone))).sockets
    assert found[str(gone)] is None
    seen_there = found[str(there)]
    assert seen_there is not None
    assert seen_there.mode == 0o600


def openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def pair(folder: Path) -> None:
    folder.mkdir(parents=True)
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=x"
    key, chain = str(folder / "privkey.pem"), str(folder / "cert.pem")
    openssl(*words.split(), "-keyout", key, "-out", chain)


FAULTS: dict[str, Callable[[Path], object]] = {
    "is not there": lambda key: key.unlink(),
    "is no private key": lambda key: key.write_text("x"),
    "does not fit it": lambda key: openssl(
        "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key)
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_key_that_does_not_fit_its_certificate_is_seen(box: Sandbox, fault: str) -> None:
    pair(box.root / "live")
    key = box.root / "live" / "privkey.pem"
    places = CERTIFICATE.by(certificate.shell(str(box.root / "live" / "cert.pem"), str(key)))
    found = seen(box, readings=(places,))[CERTIFICATE]
    assert found is not None
    assert found.key_fault == ""
    FAULTS[fault](key)
    found = seen(box, readings=(places,))[CERTIFICATE]
    assert found is not None
    assert found.key_fault == fault


def test_a_certificate_without_its_key_is_asked_for_again() -> None:
    estate = estates.estate(declaration())
    assert isinstance(estate.tls, AcmeTls)
    host = estate.hosts[0]
    names = frozenset(host.certificate_names)
    found = CertificateState(names, 86400, key_fault="does not fit it")
    assert certificate_faults(estate.tls, host, found) == ("certificate's key does not fit it",)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("status", [0, 1])
def test_a_lone_certificate_is_set_aside_for_the_request(
    box: Sandbox, fault: str, status: int
) -> None:
    """certbot would take the key that is there for the new one, and fail without."""
    live, archive, renewal = (
        box.root / path.lstrip("/") for path in (ACME_LIVE, ACME_ARCHIVE, ACME_RENEWAL)
    )
    pair(live)
    archive.mkdir(parents=True)
    renewal.parent.mkdir(parents=True)
    renewal.write_text("kept")
    there = f"[ ! -e {live} ] && [ ! -e {renewal} ] || echo in the way"
    program(box, "certbot", f"{there}; exit {status}")
    estate = estates.estate(declaration())
    assert isinstance(estate.tls, AcmeTls)
    text = request_script(estate.tls, estate.hosts[0])
    assert box.sh(text).stdout == ""
    FAULTS[fault](live / "privkey.pem")
    done = box.sh(text)
    assert (done.returncode, done.stderr) == (0, "")
    # Where the authority says no, what was there is there still.
    assert (live.exists(), archive.exists(), renewal.exists()) == (bool(status),) * 3


def test_a_socket_s_name_is_one_that_the_kernel_takes() -> None:
    """unix(7): 108 octets, the last of them zero."""
    machine = Machine(declaration())
    parts = [machine.component(name) for name in ("transactional", "marketing", "inbound")]
    paths = [socket.path for part in parts for unit in part.units for socket in unit.sockets]
    assert len(paths) == 2 * 6 + 2
    assert max(map(len, paths)) < 108
