"""A lab whose one bare host has a kernel, a disk and a clock of its own."""

from __future__ import annotations

import pytest

import lab as lab_package
from lab.hosts.qemu import Machine
from lab.life import control
from lab.life.session import Lab
from lab.mail import road
from tests.lab.conftest import deployed as in_container  # noqa: F401 - fixture
from tests.long.conftest import record  # noqa: F401 - fixture

HOST = "mail1"


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The internet on one machine, with one bare host in it."""
    control.up([], print)
    return lab_package.load()


@pytest.fixture(scope="session")
def deployed(lab: Lab, request: pytest.FixtureRequest) -> Lab:
    """The estate, deployed to a host that is then moved to a machine of its own, and again there.

    An emulated processor would take half an hour to install the packages.
    """
    if lab.state.hosts[HOST].kind != "machine":
        request.getfixturevalue("in_container")
        control.emulate(HOST, print)
    emulated = lab_package.load()
    done = road.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    assert road.plan() == []
    return emulated


@pytest.fixture
def machine(deployed: Lab) -> Machine:
    """The emulated host, deployed."""
    found = deployed.targets[HOST]
    assert isinstance(found, Machine)
    return found
