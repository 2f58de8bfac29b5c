"""An estate grows from one domain and host to three of each, is renamed, and shrinks again.

Mail flows all the time, and of what the world could verify not one message is refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

import lab as lab_package
from lab.hosts import here
from lab.life import control
from lab.life.session import Lab
from lab.mail import road, shop, traffic
from postroad.roles.run.inventory import load
from tests.lab.variants import Variant, variant

# Both releases, with an address a stream and with one that they share.
TARGETS = ("mail1:bookworm:11,12,13", "mail2:trixie:21", "mail3:bookworm:22")
FIRST, TOYS, GARDEN, YARD = (
    "shop.example",
    *(f"{n}.shop.example" for n in ("toys", "garden", "yard")),
)
Change = Callable[[Any], None]


@pytest.fixture
def three_hosts() -> Iterator[Lab]:
    """A lab of its own, with three bare hosts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(here.NAME_VARIABLE, f"{here.name()}-growth")
        control.up([control.parse_target(text) for text in TARGETS], print)
        yield lab_package.load()
        control.down()
    assert os.environ.get(here.NAME_VARIABLE, "lab") == here.name()


class Estate:
    """What is declared now, and the mail that flows by it."""

    def __init__(self, lab: Lab, folder: Path, flows: ExitStack) -> None:
        self._lab, self._folder, self._flows = lab, folder, flows
        whole: Any = shop.estate(lab)
        self._hosts = whole["hosts"]
        self.declared: Any = {
            "hosts": {"mail1": deepcopy(self._hosts["mail1"])},
            "streams": deepcopy(whole["streams"]),
        }
        self.variant: Variant = self._written()
        self.running: list[traffic.Flow] = []

    def _written(self) -> Variant:
        folder = self._folder / str(len(list(self._folder.iterdir())))
        folder.mkdir()
        return variant(folder, self.declared)

    def run(self) -> str:
        """What a run says; it must succeed, and close nothing."""
        done = self.variant.deploy()
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        assert "CLOSE" not in said, said
        return said

    def become(self, *changes: Change) -> None:
        """Declare something else, and do as the run says: publish, and run again."""
        for change in changes:
            change(self.declared)
        self.variant = self._written()
        self.run()
        self.flow_on()
        road.publish(self._lab, self.variant.inventory)
        self.flow_on()
        self.run()
        assert self.variant.plan() == []
        self.flow_on()

    def leave(self, host: str) -> None:
        """A host hands on what it has, and stops."""
        inventory = str(self.variant.inventory)
        done = road.pyinfra("-y", "--limit", host, inventory, str(road.LEAVE))
        assert done.returncode == 0, done.stdout + done.stderr

    def add_host(self, name: str) -> Change:
        def add(declared: Any) -> None:
            declared["hosts"][name] = deepcopy(self._hosts[name])

        return add

    def flow(self, host: str, *domains: str) -> traffic.Flow:
        """Receipts From: each domain by ``host``, until the end or until they are stopped."""
        estate = load(self.variant.inventory).estate
        way = estate.host(host).way_out("transactional")
        at = [traffic.Door(host, "transactional", way, f"orders@{d}") for d in domains]
        flow = self._flows.enter_context(traffic.flowing(self._lab, at=at, pause=0.5))
        self.running.append(flow)
        return flow

    def flow_on(self) -> None:
        """Mail is taken at every door now."""
        for flow in self.running:
            if flow.process.poll() is None:
                flow.wait_for(1, "accepted", timeout=60)


def domains(*names: str) -> Change:
    def declare(declared: Any) -> None:
        declared["streams"]["transactional"]["from_domains"] = [*names]

    return declare


def renamed(declared: Any) -> None:
    """The first host is called otherwise, in HELO as well."""
    declared["hosts"]["mail1"]["hostname"] = "hub1.shop.example"
    declared["hosts"]["mail1"]["ways_out"]["transactional"]["helo"] = "post1.shop.example"


def without(host: str) -> Change:
    def take_away(declared: Any) -> None:
        del declared["hosts"][host]

    return take_away


def test_an_estate_grows_is_renamed_and_shrinks(three_hosts: Lab, tmp_path: Path) -> None:
    lab = three_hosts
    with ExitStack() as flows:
        estate = Estate(lab, tmp_path, flows)
        road.publish(lab, estate.variant.inventory)
        estate.become()
        estate.flow("mail1", FIRST)

        estate.become(domains(FIRST, TOYS), estate.add_host("mail2"))
        estate.flow("mail1", TOYS)
        second = estate.flow("mail2", FIRST, TOYS)
        estate.become(domains(FIRST, TOYS, GARDEN), estate.add_host("mail3"))
        garden = estate.flow("mail1", GARDEN)
        third = estate.flow("mail3", FIRST, TOYS)

        # A domain is renamed by way of both.
        estate.become(renamed, domains(FIRST, TOYS, GARDEN, YARD))
        estate.flow("mail1", FIRST)
        yard = estate.flow("mail1", YARD)

        garden.stop()
        third.stop()
        estate.leave("mail3")
        estate.become(without("mail3"), domains(FIRST, TOYS, YARD))
        yard.stop()
        second.stop()
        estate.leave("mail2")
        estate.become(without("mail2"), domains(FIRST, TOYS))

        for flow in estate.running:
            found = flow.tally()
            assert found.is_clean, found
            refused = [one for one in flow.handed() if one.outcome != "accepted"]
            assert refused == [], (flow.doors, refused[:5])
