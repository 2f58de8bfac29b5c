"""What of somebody else's is in the way of a run: listeners, rules, daemons, keys."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from postroad.host.found import FileState, HostState, UnitState
from postroad.mail.before import daemons, files, firewall, keys, listeners
from postroad.mail.before.listeners import Listener
from postroad.mail.firewall import allowed
from postroad.mail.firewall.found import FIREWALL
from postroad.mail.firewall.rule import parse_rule
from postroad.mail.signing.found import KeyState
from postroad.roles.run import made
from postroad.settings.model import OnHost, SuppliedKey
from tests.unit import estates
from tests.unit.declarations import declaration
from tests.unit.machine import Machine, bare
from tests.unit.states import altered

ESTATE = estates.estate(declaration())
MAIL1 = ESTATE.host("mail1")
FRESH = bare(ESTATE, MAIL1)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("00000000:0019 0 master", Listener("0.0.0.0", 25, "master")),
        ("00000000000000000000000000000000:0050 0 nginx", Listener("[::]", 80, "nginx")),
        ("3500007F:0035 101 systemd-resolve",
         Listener("127.0.0.53", 53, "systemd-resolve", uid=101)),
        ("B80D0120000000000000000001000000:024B 0 ", Listener("[2001:db8::1]", 587)),
        ("0000000000000000FFFF00000100007F:1F90 1000 ", Listener("127.0.0.1", 8080, uid=1000)),
    ],
)  # fmt: skip
def test_the_kernel_s_table_is_read(line: str, found: Listener) -> None:
    assert list(listeners.parse([line])) == [found]


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (Listener("0.0.0.0", 25, "haraka"), "haraka listens on 0.0.0.0:25"),
        (Listener("*", 587, "docker-proxy"), "transactional submission"),
        (Listener("192.0.2.13", 465, ""), "another program listens on 192.0.2.13:465"),
        (Listener("[2001:db8::13]", 587, "node"), "marketing submission"),
        (Listener("[::]", 53, "named"), "for its resolver"),
        (Listener("0.0.0.0", 80, "nginx"), "acme http-01"),
    ],
)
def test_a_listener_that_is_in_the_way(found: Listener, says: str) -> None:
    (sentence,) = listeners.refusals(ESTATE, MAIL1, [found])
    assert says in sentence
    assert "stop and disable it" in sentence


@pytest.mark.parametrize(
    "found",
    [
        Listener("0.0.0.0", 25, "exim4"),
        Listener("0.0.0.0", 587, "master"),
        Listener("127.0.0.1", 53, "unbound"),
        Listener("127.0.0.53", 53, "systemd-resolve"),
        Listener("0.0.0.0", 22, "sshd"),
        Listener("198.51.100.9", 587, "haraka"),
    ],
)
def test_a_listener_that_is_not(found: Listener) -> None:
    assert list(listeners.refusals(ESTATE, MAIL1, [found])) == []


def test_whoever_listens_beside_ours_is_not_in_the_way() -> None:
    """Anybody may bind every address of IPv6 alone, and the same port of loopback."""
    ours = Listener("192.0.2.12", 587, "master")
    beside = Listener("[::]", 587, "", uid=1000)
    (told,) = listeners.refusals(ESTATE, MAIL1, [beside])
    assert told.startswith("a program of user 1000 listens on [::]:587")
    own = [a for way in MAIL1.ways_out for a in way.addresses]
    there = [Listener(f"[{a}]" if a.version == 6 else str(a), 587, "master") for a in own]
    assert list(listeners.refusals(ESTATE, MAIL1, [ours, beside, *there])) == []


# What a local account may call its processes; one reads like a line between what a host answers.
NAMES = [b"\n1 2 3 x:y", b"\xff\xfe", b'") ("', b"\n@@postroad end", b"master"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_a_process_gives_itself_is_not_read(name: bytes) -> None:
    """Asked of this machine's kernel, as nobody runs it: the name is this process's own."""
    program = (
        "import ctypes, os, socket, subprocess, sys\n"
        "one = socket.create_server(('127.0.0.1', 0))\n"
        "ctypes.CDLL(None).prctl(15, bytes.fromhex(sys.argv[1]), 0, 0, 0)\n"
        "print(one.getsockname()[1], flush=True)\n"
        "subprocess.run(['sh', '-c', sys.argv[2]])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, name.hex(), listeners.COMMAND],
        capture_output=True,
        check=True,
    ).stdout.decode()
    port, *lines = said.splitlines()
    (mine,) = [one for one in listeners.parse(lines) if one.port == int(port)]
    assert re.fullmatch(r"[\w.-]*", mine.program)


# proc(5), /proc/net/tcp: unbound at 127.0.0.1:53.
TCP = "0: 0100007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000 112 0 777 1\n"
HELD = "mkdir -p $t/9/fd; ln -sf 'socket:[777]' $t/9/fd/3; echo unbound > $t/9/comm"


@pytest.mark.parametrize(
    ("meanwhile", "told"),
    [
        # The daemon has ended, and its socket with it.
        (": > $t/net/tcp", []),
        # Another process of it has the socket, which nobody had when all were looked through.
        (
            "mkdir -p $t/9/fd; ln -sf 'socket:[777]' $t/9/fd/3; echo unbound > $t/9/comm",
            ["unbound"],
        ),
        # It is there still, and whose it is cannot be known.
        (":", [""]),
    ],
)
def test_a_daemon_that_is_just_restarted_is_not_another_program(
    meanwhile: str, told: list[str], tmp_path: Path
) -> None:
    """The kernel's tables are read one after the other, here as if that happened in between."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text(TCP)
    (tmp_path / "net/tcp6").write_text("")
    (tmp_path / "1/fd").mkdir(parents=True)
    command = listeners.COMMAND.replace("/proc/", f"{tmp_path}/")
    first = f'find() {{ command find "$@"; [ -e $t/seen ] || {{ {meanwhile}; : > $t/seen; }}; }}'
    done = subprocess.run(
        ["dash", "-c", f"t={tmp_path}; {first}; {command}"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = list(listeners.parse(done.stdout.splitlines()))
    assert [one.program for one in found] == told
    assert {(one.address, one.port) for one in found} <= {("127.0.0.1", 53)}


def with_rules(*texts: str) -> HostState:
    rules = tuple(parse_rule(text) for text in texts)
    return altered(FRESH, firewall=replace(FRESH[FIREWALL], rules4=rules, rules6=rules))


def test_rules_of_others_are_listed_and_refused() -> None:
    (sentence,) = firewall.refusals(
        ESTATE, MAIL1, with_rules("allow 80/tcp", "allow 22", "allow 443/tcp")
    )
    # Of port 80 the comment alone differs.
    assert "`allow 22`, `allow 443/tcp`:" in sentence
    assert '"adopt": "purge"' in sentence


def test_rules_that_the_estate_declares_are_not() -> None:
    declared = map(str, allowed.rules(ESTATE, MAIL1))
    assert list(firewall.refusals(ESTATE, MAIL1, with_rules(*declared))) == []


def test_purging_is_declared_once_and_never_asked_again() -> None:
    state = with_rules("allow 443/tcp")
    purging = replace(ESTATE, firewall=replace(ESTATE.firewall, adopt="purge"))
    assert list(firewall.refusals(purging, MAIL1, state)) == []
    # A rule that somebody adds later is drift like any other.
    ours = replace(state, adopted=frozenset({firewall.COMPONENT}))
    assert list(firewall.refusals(ESTATE, MAIL1, ours)) == []


def with_unit(name: str, active: str = "active") -> HostState:
    return replace(FRESH, units={name: UnitState("loaded", active, "enabled", False)})


@pytest.mark.parametrize("unit", list(firewall.OTHERS))
def test_another_firewall_is_refused_while_it_runs(unit: str) -> None:
    (sentence,) = firewall.refusals(ESTATE, MAIL1, with_unit(unit))
    assert f"systemctl disable --now {unit}" in sentence
    assert list(firewall.refusals(ESTATE, MAIL1, with_unit(unit, "inactive"))) == []


def test_docker_is_named() -> None:
    (sentence,) = firewall.warnings(with_unit("docker.service"))
    assert "leaves past postroad, unsigned" in sentence
    assert list(firewall.warnings(FRESH)) == []


def test_a_dovecot_that_serves_others_is_not_stopped() -> None:
    (sentence,) = daemons.refusals(with_unit("dovecot.service"))
    assert "systemctl disable --now dovecot.service" in sentence
    assert list(daemons.refusals(with_unit("dovecot.service", "inactive"))) == []
    ours = replace(with_unit("dovecot.service"), adopted=frozenset({daemons.COMPONENT}))
    assert list(daemons.refusals(ours)) == []


PATH = "/etc/opendkim/keys/old.private"
TAKEN = SuppliedKey("mail1", "marketing", ESTATE.stream("marketing").from_domains[0], "old",
                    OnHost(PATH))  # fmt: skip


def test_a_key_to_take_over_must_be_there_until_it_was() -> None:
    estate = replace(ESTATE, supplied_keys=(TAKEN,))
    assert list(keys.paths(estate, MAIL1)) == [PATH]
    (sentence,) = keys.refusals(estate, MAIL1, FRESH)
    assert f"{PATH} is to be taken over as the marketing key old._domainkey." in sentence
    there = replace(FRESH, files={PATH: FileState("file", "opendkim", "opendkim", 0o600)})
    assert list(keys.refusals(estate, MAIL1, there)) == []
    for bits, says in ((0, "holds no private key"), (1024, "has 1024 bits, and receivers want")):
        (sentence,) = keys.refusals(estate, MAIL1, altered(there, offered_keys={PATH: bits}))
        assert says in sentence
    assert list(keys.refusals(estate, MAIL1, altered(there, offered_keys={PATH: 2048}))) == []
    taken = altered(FRESH, keys=(KeyState("marketing", TAKEN.domain, "old", "MIIB"),))
    assert list(keys.refusals(estate, MAIL1, taken)) == []


def test_files_of_others_are_named_until_they_are_ours() -> None:
    machine = Machine(declaration())
    machine.state = replace(
        machine.state, files={"/etc/hosts": FileState("file", "root", "root", 0o644, "0" * 64)}
    )
    parts = made.components(machine.site())
    assert list(files.replaced(parts, machine.state)) == ["/etc/hosts"]
    ours = replace(machine.state, adopted=frozenset(part.name for part in parts))
    assert list(files.replaced(parts, ours)) == []
