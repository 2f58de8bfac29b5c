"""Hosts as other releases have them: an Ubuntu server's habits, and Debian 11's older programs.

In a lab of its own, whose hosts are called as those of the others: mail1 with an address a stream
on the interface of netplan, mail2 with one address that both streams share.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import lab as lab_package
from lab.hosts import here
from lab.hosts.guest import Guest
from lab.hosts.network import NAMESERVER
from lab.images import ubuntu_like
from lab.life import control
from lab.life.session import Lab
from lab.mail import road
from tests.lab import mail, plans
from tests.lab.conftest import opened
from tests.lab.variants import variant

TARGETS = ("mail1:ubuntu-like:11,12,13", "mail2:bullseye:21")
OVERRIDE = "/etc/systemd/system/cloud-.service.d/postroad.conf"
LET_BACK = (
    "systemctl unmask --quiet systemd-resolved && systemctl enable --quiet --now systemd-resolved"
)
MAIL_EXCHANGER = "mx.bigmail.example"


@pytest.fixture(scope="module")
def deployed() -> Iterator[Lab]:
    """Both hosts, deployed and open; a second run has nothing to do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(here.NAME_VARIABLE, "releases")
        control.up([control.parse_target(text) for text in TARGETS], print)
        yield opened(lab_package.load())
        control.down()


@pytest.fixture
def ubuntu_like_host(deployed: Lab) -> Iterator[Guest]:
    """The host with an Ubuntu server's habits; mended afterwards."""
    yield deployed.targets["mail1"]
    if road.plan():
        done = road.deploy()
        assert done.returncode == 0, done.stdout + done.stderr
    assert road.plan() == []


def _audit() -> tuple[int, str]:
    done = road.postroad("audit", str(road.INVENTORY))
    return done.returncode, done.stdout + done.stderr


def _all_is_well(deployed: Lab) -> None:
    assert road.plan() == []
    status, said = _audit()
    assert status == 0, said
    mail.flows(deployed)


def test_every_stream_is_signed_and_the_audit_is_green(deployed: Lab) -> None:
    _all_is_well(deployed)


def test_after_a_reboot_nobody_has_taken_anything_back(
    deployed: Lab, ubuntu_like_host: Guest
) -> None:
    # A new instance, as after a move: cloud-init sets the name as it does at a first boot.
    meta_data = f"{ubuntu_like.SEED}/meta-data"
    ubuntu_like_host.write_file(meta_data, "instance-id: moved\n", "0600")
    for guest in deployed.targets.values():
        guest.reboot()
    assert "moved" in ubuntu_like_host.read_file("/var/lib/cloud/data/instance-id")
    sockets = ubuntu_like_host.run("systemctl is-active ssh.socket systemd-networkd").stdout
    assert sockets.split() == ["active", "active"]
    _all_is_well(deployed)


def test_no_program_asks_the_name_server_that_netplan_names(ubuntu_like_host: Guest) -> None:
    netplan = ubuntu_like_host.run("cat /etc/netplan/*.yaml").stdout
    assert "nameservers" in netplan
    assert "resolve" in ubuntu_like_host.run("grep ^hosts: /etc/nsswitch.conf").stdout
    asks = ["getent", "hosts", MAIL_EXCHANGER]
    assert ubuntu_like_host.run(asks).stdout
    ubuntu_like_host.run("systemctl stop unbound")
    assert ubuntu_like_host.run(asks, check=False).stdout == ""


def test_a_resolver_that_is_let_back_is_named(ubuntu_like_host: Guest) -> None:
    ubuntu_like_host.run(LET_BACK)
    assert plans.named(road.plan()) == {("mail1", "systemd-resolved.service (is not masked)")}
    status, said = _audit()
    assert status == 1
    assert "systemd-resolved.service is not masked" in said
    assert "127.0.0.53:53/udp (systemd-resolve) listens, and nobody declared it" in said


def test_without_our_word_cloud_init_takes_the_hosts_file_back(ubuntu_like_host: Guest) -> None:
    ubuntu_like_host.run(["rm", OVERRIDE])
    missing = ("mail1", f"{OVERRIDE} (missing)")
    assert plans.named(road.plan()) == {missing}
    status, said = _audit()
    assert status == 1
    assert OVERRIDE in said
    ubuntu_like_host.reboot()
    assert plans.named(road.plan()) == {missing, ("mail1", "/etc/hosts (content)")}


def test_resolved_stays_until_ours_has_answered(ubuntu_like_host: Guest) -> None:
    network = ubuntu_like_host.network
    root = [network.ipv4(NAMESERVER), network.ipv6(NAMESERVER)]
    ubuntu_like_host.run(
        f"{LET_BACK}; ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf;"
        + "".join(f"ip route add blackhole {address};" for address in root)
        + "systemctl restart unbound"
    )
    done = road.deploy("--limit", "mail1")
    assert done.returncode != 0
    assert "the resolver on 127.0.0.1 cannot be used yet" in done.stdout + done.stderr
    assert ubuntu_like_host.run(["getent", "hosts", MAIL_EXCHANGER]).stdout
    ubuntu_like_host.run("".join(f"ip route del blackhole {address};" for address in root))


def test_a_release_that_nobody_answers_for_is_left_as_it_is(deployed: Lab, tmp_path: Path) -> None:
    release = deployed.targets["mail2"].run(". /etc/os-release; echo $ID $VERSION_ID").stdout
    assert release == "debian 11\n"
    refused = variant(tmp_path, {"other_releases": []}).deploy()
    assert refused.returncode != 0
    assert "it runs debian 11, which postroad does not know" in refused.stdout + refused.stderr
    taken = road.deploy("--limit", "mail2")
    assert taken.returncode == 0
    assert "it runs debian 11, which postroad is not made for" in taken.stdout + taken.stderr
