"""The lab for a session of tests: two bare hosts, deployed as an operator would, streams open."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import lab as lab_package
from lab.hosts import here
from lab.life import control
from lab.life.session import Lab
from lab.mail import road
from postroad.roles.run.inventory import load
from postroad.settings.model import Estate
from tests.lab import queues
from tests.lab.installed import install

# Debian 12 with an address a stream, Debian 13 with one address that both streams share.
TARGETS = ("mail1:bookworm:11,12,13", "mail2:trixie:21")


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The internet on one machine, with two bare hosts in it."""
    control.up([control.parse_target(text) for text in TARGETS], print)
    return lab_package.load()


@pytest.fixture(scope="session")
def deployed(lab: Lab) -> Lab:
    """The estate, deployed and open: records published, every stream taking mail."""
    return opened(lab)


def opened(lab: Lab) -> Lab:
    """Deploy to bare hosts as an operator does, until every stream takes mail."""
    road.publish(lab)
    _succeed(road.deploy())
    road.publish(lab)
    road.serve_policies(lab)
    _succeed(road.deploy())
    assert road.plan() == []
    return lab


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel and what it needs, and nothing else."""
    return install(tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("environment"))


@pytest.fixture
def deploy(deployed: Lab) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the deploy again; the test looks at what it says."""
    return road.deploy


@pytest.fixture(scope="session")
def estate(deployed: Lab) -> Estate:
    """What the operator declares: where expected values come from."""
    return load(here.CLONE / road.INVENTORY).estate


@pytest.fixture
def mended(deployed: Lab) -> Iterator[None]:
    """For a test that breaks a host by hand: a run mends it afterwards, and the next is empty."""
    yield
    _succeed(road.deploy())
    assert road.plan() == []


@pytest.fixture(autouse=True)
def nothing_strange_is_queued() -> Iterator[None]:
    """After each test: all mail in the streams' queues is signed, or a report to ourselves."""
    yield
    running = queues.running()
    for guest in running.targets.values() if running else ():
        found = queues.strange_mail(guest)
        assert not found, f"{guest.name}: unsigned, and no report to ourselves: {found}"


def _succeed(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
