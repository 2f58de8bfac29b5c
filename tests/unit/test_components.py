"""The components of a host: what stands together, who gates it, who takes it up."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from postroad.host.change import script
from postroad.host.component import Component, Unit
from postroad.host.drift import drift
from postroad.host.found import FileState, HostState, blank
from postroad.host.paths import OPENED, TOOLS, pause_path
from postroad.mail.parts import stream as streams
from postroad.mail.parts.order import everything
from postroad.mail.parts.part import Builder
from postroad.mail.pause import Pause, because, content
from postroad.mail.questions import shape
from postroad.mail.standing import Standing, latch
from postroad.settings.model import Estate, Host, StreamName
from tests.unit import estates
from tests.unit.declarations import declaration, put
from tests.unit.machine import made_true
from tests.unit.states import altered

HOSTS = estates.hosts()
EVERY_HOST = pytest.mark.parametrize(
    ("estate", "host"), [(e, h) for _, e, h in HOSTS], ids=[name for name, _, _ in HOSTS]
)
ESTATE = estates.estate(declaration())
MAIL1 = ESTATE.host("mail1")
STANDS = Standing(MAIL1.way_out("transactional"), latch=("verified", "also"))


def builder(
    estate: Estate = ESTATE, host: Host = MAIL1, state: HostState | None = None, **closed: str
) -> Builder:
    facts = estates.closed(estates.facts(estate, host), **closed)
    return Builder(estate, host, state or blank(), facts, estates.renderer())


def named(name: str, made: Builder) -> Component:
    return next(component for component in everything(made) if component.name == name)


def unit(component: Component, name: str) -> Unit:
    return next(unit for unit in component.units if unit.name == name)


@EVERY_HOST
def test_names_are_unique_and_paths_of_files_are_one_component_s(
    estate: Estate, host: Host
) -> None:
    parts = list(everything(builder(estate, host)))
    assert len({part.name for part in parts}) == len(parts)
    files = [file.path for part in parts for file in part.files]
    assert len(set(files)) == len(files)


@EVERY_HOST
def test_a_folder_of_two_components_is_the_same_in_both(estate: Estate, host: Host) -> None:
    seen: dict[str, object] = {}
    for part in everything(builder(estate, host)):
        for folder in part.directories:
            assert seen.setdefault(folder.path, folder) == folder


@EVERY_HOST
def test_every_file_has_a_folder_that_only_root_changes(estate: Estate, host: Host) -> None:
    for part in everything(builder(estate, host)):
        for folder in part.directories:
            assert not folder.mode & 0o022, folder.path


@EVERY_HOST
def test_every_script_is_posix_shell_on_a_bare_and_on_a_deployed_host(
    estate: Estate, host: Host
) -> None:
    parts = list(everything(builder(estate, host)))
    states = [(part, state) for part in parts for state in (blank(), unfinished(part))]
    text = "\n".join(script(part, state) for part, state in states)
    checked = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def unfinished(part: Component) -> HostState:
    return replace(made_true(blank(), part), stamps={})


@EVERY_HOST
def test_once_true_nothing_drifts_and_the_shape_asks_about_all_of_it(
    estate: Estate, host: Host
) -> None:
    made = builder(estate, host)
    asked_paths = {p for part in everything(shape(estate, host)) for p in part.paths}
    asked_units = {u for part in everything(shape(estate, host)) for u in part.unit_names}
    state = blank()
    for part in everything(made):
        state = made_true(state, part)
    for part in everything(made):
        assert drift(part, state) == ()
        assert set(part.paths) <= asked_paths
        assert set(part.unit_names) <= asked_units


@pytest.mark.parametrize("stream", ["transactional", "marketing"])
def test_a_stream_is_gated_by_its_canary_and_its_daemons_take_up_what_they_read(
    stream: StreamName,
) -> None:
    component = named(stream, builder())
    canary = "/usr/bin/python3 -IB /usr/local/lib/postroad canary"
    assert component.gate is not None
    assert component.gate.endswith(f'; }}; {canary} stream {stream} "$stage"')
    reads = {u.name: {path.rpartition("/")[2] for path in u.reads} for u in component.units}
    assert {"opendkim.conf", "key.table", "signing.table", "policy.lua"} == reads[
        f"postroad-dkim@{stream}.service"
    ]
    assert {"dovecot.conf", "users", "users.next"} == reads[f"postroad-auth@{stream}.service"]
    assert {"main.cf", "master.cf", "sender_logins", "transport"} <= reads[
        f"postroad-postfix@{stream}.service"
    ]
    # The milters are up before the instance that cannot do without it.
    assert [u.name.partition("@")[0] for u in component.units] == [
        "postroad-dkim",
        "postroad-milter",
        "postroad-auth",
        "postroad-postfix",
    ]


def test_no_file_of_one_stream_is_read_by_the_other() -> None:
    for stream in MAIL1.streams:
        for one in named(stream, builder()).units:
            assert stream in one.name
            assert all(stream in path for path in one.reads)


def test_an_open_stream_has_its_latch_and_a_closed_one_has_not() -> None:
    made = builder(marketing="no SPF record")
    made = replace(made, facts=replace(made.facts, standings={"transactional": STANDS}))
    closed, open_ = named("marketing", made), named("transactional", made)
    assert closed.absent == (pause_path("marketing"), f"{OPENED}/marketing")
    assert f"{OPENED}/marketing" not in {f.path for f in closed.files}
    assert open_.absent == (pause_path("transactional"),)
    (written,) = (f for f in open_.files if f.path == f"{OPENED}/transactional")
    assert written.content == latch(STANDS.latch) == b"also\nverified\n"


@pytest.mark.parametrize("pause", ["drain", "stop"])
def test_a_paused_stream_is_closed_and_keeps_what_the_world_had_verified(pause: Pause) -> None:
    made = builder(marketing=because(pause))
    paused = replace(made, facts=replace(made.facts, pauses={"marketing": pause}))
    component = named("marketing", paused)
    (mark,) = (f for f in component.files if f.path == pause_path("marketing"))
    assert mark.content == content(pause)
    assert f"{OPENED}/marketing" not in {*(f.path for f in component.files), *component.absent}
    main = next(f for f in component.files if f.path.endswith("/main.cf")).content.decode()
    assert f"static:{{451 4.7.1 marketing is closed: {because(pause)}}}" in main
    stopped = "default_transport = retry:4.3.2 marketing is stopped by its operator\n"
    assert (stopped in main) == (pause == "stop")
    assert "default_transport" not in named("transactional", paused).files[0].content.decode()


def test_listeners_are_compared_before_a_reload_is_trusted() -> None:
    for instance in ("transactional", "marketing", "inbound"):
        asked = unit(named(instance, builder()), f"postroad-postfix@{instance}.service").restart_if
        assert asked is not None
        assert f"MAIL_CONFIG=/etc/postfix-{instance} " in asked
        assert f'MAIL_CONFIG="$stage"/etc/postfix-{instance} ' in asked
        assert asked.count("inet_interfaces inet_protocols") == 2


@pytest.mark.parametrize(
    ("wrapper", "readers"),
    [
        (False, {"postfix.service": True}),
        (True, {"postfix.service": False, "postfix@-.service": True}),
    ],
)
def test_the_default_instance_is_taken_up_by_whichever_unit_runs_it(
    wrapper: bool, readers: dict[str, bool]
) -> None:
    state = altered(blank(), postfix_is_wrapper=wrapper)
    component = named("default", builder(state=state))
    assert {u.name: bool(u.reads) for u in component.units} == readers


def test_files_that_wait_for_a_folder_come_with_it() -> None:
    def paths(state: HostState) -> set[str]:
        made = builder(state=state)
        return {f.path for name in ("identity", "resolver") for f in named(name, made).files}

    folder = FileState("directory", "root", "root", 0o755)
    there = replace(
        blank(),
        files={"/etc/cloud/cloud.cfg.d": folder, "/etc/dhcp/dhclient-enter-hooks.d": folder},
    )
    assert paths(there) - paths(blank()) == {
        "/etc/cloud/cloud.cfg.d/99-postroad.cfg",
        "/etc/systemd/system/cloud-.service.d/postroad.conf",
        "/etc/dhcp/dhclient-enter-hooks.d/postroad",
    }


def test_upgrades_come_in_by_apt_s_own_timers_where_they_are_declared() -> None:
    component = named("packaging", builder())
    assert "/etc/apt/apt.conf.d/82postroad-upgrades" in {f.path for f in component.files}
    active = {u.name: u.active for u in component.units}
    assert active["apt-daily-upgrade.timer"] == active["apt-daily.timer"] == "running"
    assert active["apt-daily-upgrade.service"] == active["apt-daily.service"] == "settled"


def test_whoever_upgrades_otherwise_has_apt_as_it_is_but_for_conffiles_and_the_refresh() -> None:
    estate = estates.estate(put(declaration(), ("upgrades",), {"unattended": False}))
    component = named("packaging", builder(estate, estate.host("mail1")))
    assert {f.path for f in component.files} == {
        "/etc/apt/apt.conf.d/81postroad-conffiles",
        "/etc/dpkg/dpkg.cfg.d/postroad",
    }
    assert component.absent == ("/etc/apt/apt.conf.d/82postroad-upgrades",)
    assert component.units == ()


def test_needrestart_is_told_where_it_is() -> None:
    folder = FileState("directory", "root", "root", 0o755)
    state = replace(blank(), files={"/etc/needrestart/conf.d": folder})
    (told,) = (f for f in named("packaging", builder(state=state)).files if "needr" in f.path)
    assert b"$nrconf{override_rc}{qr(^postroad-)} = 0;" in told.content


def test_no_instance_is_stopped_with_the_packages_own() -> None:
    (unit,) = (f for f in named("units", builder()).files if "postroad-postfix@" in f.path)
    keys = {line.partition("=")[0] for line in unit.content.decode().splitlines()}
    assert "ReloadPropagatedFrom" in keys
    assert not keys & {"PartOf", "BindsTo", "Requires", "StopPropagatedFrom"}


def test_the_packages_own_daemons_never_start() -> None:
    assert {"dovecot.service", "dovecot.socket"} <= set(named("units", builder()).masked)
    assert "opendkim.service" in named("default", builder()).masked
    assert named("resolver", builder()).masked == ("unbound-resolvconf.service",)
    assert "systemd-resolved.service" in named("resolv-conf", builder()).masked


@pytest.mark.parametrize("there", [True, False])
def test_a_host_without_today_s_canary_is_told_what_to_run(tmp_path: Path, there: bool) -> None:
    """As where a stream is paused on a host that an earlier version has converged."""
    gate = named("marketing", builder()).gate
    assert gate is not None
    text = gate.replace(TOOLS, str(tmp_path)).replace("/usr/bin/python3", sys.executable)
    if there:
        (tmp_path / "__main__.py").write_text("")
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False)
    assert (done.returncode, "run deploys/mailserver.py there first" in done.stderr) == (
        (0, False) if there else (1, True)
    )


def test_what_a_bad_file_would_break_is_gated() -> None:
    gated = {part.name for part in everything(builder()) if part.gate}
    assert {"resolver", "resolv-conf", "units", "firewall"} <= gated
    assert {"default", "inbound", *MAIL1.streams} <= gated


def test_resolv_conf_is_switched_by_proof_and_after_the_resolver() -> None:
    order = [part.name for part in everything(builder())]
    proof = "/usr/bin/python3 -IB /usr/local/lib/postroad resolver-proof"
    assert named("resolv-conf", builder()).gate == proof
    assert order.index("tools") < order.index("resolver") < order.index("resolv-conf")


def test_the_resolver_s_check_reads_what_a_bare_host_already_has(tmp_path: Path) -> None:
    """The package's unit puts the root's anchor into its place when it first starts: later."""
    gate = named("resolver", builder()).gate
    assert gate is not None
    checker = tmp_path / "unbound-checkconf"
    checker.write_text('#!/bin/sh\nexec cat "$1"\n')
    checker.chmod(0o755)
    staged = tmp_path / "etc/unbound/unbound.conf"
    staged.parent.mkdir(parents=True)
    staged.write_text(
        "auto-trust-anchor-file: /var/lib/unbound/root.key\n"
        "root-hints: /etc/unbound/postroad-root.hints\n"
    )
    said = subprocess.run(
        ["sh", "-c", gate],
        env={"stage": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.splitlines() == [
        "auto-trust-anchor-file: /usr/share/dns/root.key",
        f"root-hints: {tmp_path}/etc/unbound/postroad-root.hints",
    ]


def test_the_order_is_the_one_in_which_things_need_each_other() -> None:
    order = [part.name for part in everything(builder())]
    assert order[0] == "packaging"
    assert order[-2:] == ["firewall", "earlier"]
    assert order.index("units") < order.index("certificate") < order.index("transactional")
    assert order.index("logs") < order.index("default")


def test_a_host_without_inbound_has_none() -> None:
    estate = estates.estate(estates.DECLARED["inbound elsewhere"])
    names = [part.name for part in everything(builder(estate, estate.host("mail2")))]
    assert "inbound" not in names
    assert "inbound" in [part.name for part in everything(builder(estate, estate.host("mail1")))]


def test_mailboxes_are_their_owner_s_alone() -> None:
    folders = {d.path: d for d in named("inbound", builder()).directories}
    for name in ("postmaster", "transactional", "marketing"):
        folder = folders[f"/var/mail/postroad/{name}"]
        assert (folder.owner, folder.group, folder.mode) == (
            "postroad-mail",
            "postroad-mail",
            0o700,
        )


@pytest.mark.parametrize(
    ("name", "units", "gated"),
    [
        ("an address a stream", ["certbot.timer"], False),
        ("supplied certificate", [], True),
        ("no certificate", [], False),
    ],
)
def test_the_certificate_is_kept_fresh_by_its_source(
    name: str, units: list[str], gated: bool
) -> None:
    estate = estates.estate(estates.DECLARED[name])
    component = named("certificate", builder(estate, estate.hosts[0]))
    assert [u.name for u in component.units] == units
    assert (component.gate is not None) == gated


def test_a_build_of_one_stream_is_that_stream_s_component() -> None:
    assert builder().build(streams.part("marketing")) == named("marketing", builder())


def test_a_hand_made_postfix_rests_from_its_new_configuration_until_its_signer_is_gone() -> None:
    lines = script(named("default", builder()), blank()).splitlines()
    moved = next(n for n, line in enumerate(lines) if line.endswith(" /etc/postfix/master.cf"))
    rests = lines.index(
        "[ -e /var/lib/postroad/adopted/default ] || systemctl stop postfix.service"
    )
    masked = lines.index("systemctl mask --now --quiet opendkim.service")
    starts = lines.index("systemctl start postfix.service")
    assert moved < rests < masked < starts
