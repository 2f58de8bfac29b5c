"""A lab whose one bare host has a kernel, a disk and a clock of its own."""

from __future__ import annotations

import pytest

import lab as lab_package
from lab import control
from lab.qemu import Machine
from lab.session import Lab
from tests.lab.conftest import deployed, estate  # noqa: F401 - fixtures
from tests.long.conftest import record  # noqa: F401 - fixture

TARGET = "mail1:bookworm:11,12,13:machine"


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The internet on one machine, with one bare host in it that is emulated."""
    control.up([control.parse_target(TARGET)], print)
    return lab_package.load()


@pytest.fixture
def machine(deployed: Lab) -> Machine:  # noqa: F811
    """The emulated host, deployed."""
    found = deployed.targets["mail1"]
    assert isinstance(found, Machine)
    return found
