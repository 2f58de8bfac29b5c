"""The last words of a run about hosts that it knows, and about those that it does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import pyinfra
import pytest
from pyinfra.api.config import Config
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State as Run

from postroad.host.question import Question
from postroad.roles.report import last_words, not_at_work
from postroad.roles.run.ask import UnansweredError
from postroad.roles.run.pyinfra_words import at_the_end
from postroad.roles.run.site import Site
from tests.unit import estates
from tests.unit.declarations import declaration, two_hosts
from tests.unit.machine import Machine, PaperSite

T = TypeVar("T")


@dataclass(frozen=True)
class Named:
    name: str


@dataclass
class PaperRun:
    """What is asked of pyinfra's state."""

    inventory: list[Named] = field(default_factory=lambda: [Named("mail1"), Named("mail2")])
    active_hosts: set[Named] = field(default_factory=set)
    failed_hosts: set[Named] = field(default_factory=set)
    limit: list[str] | None = None

    def is_host_in_limit(self, host: Named) -> bool:
        return self.limit is None or host.name in self.limit


class SilentSite(PaperSite):
    def ask(self, question: Question[T]) -> T:
        raise UnansweredError(self.pyhost.name, "no answer within 60 seconds")


def silent(machine: Machine) -> Site:
    site = machine.site()
    return SilentSite(site.pyhost, site.estate, site.base)


def unknown(**run: Any) -> dict[str, str]:
    return not_at_work(estates.estate(two_hosts()), cast(Run, PaperRun(**run)))


def test_each_host_that_a_run_does_not_know_has_its_reason() -> None:
    one, two = Named("mail1"), Named("mail2")
    assert unknown(active_hosts={one, two}) == {}
    assert unknown(active_hosts={one}, failed_hosts={two}) == {"mail2": "the run failed there"}
    assert unknown(active_hosts={one}) == {"mail2": "it was not reached"}
    assert unknown(active_hosts={one}, limit=["mail1"]) == {"mail2": "this run is not about it"}


def test_hosts_are_told_in_the_order_of_the_estate_whoever_is_first() -> None:
    both = two_hosts()
    sites = [Machine(both, name).site() for name in ("mail2", "mail1")]
    assert "Submission is closed on mail1, mail2: " in last_words(sites).text


def test_a_host_that_falls_silent_at_the_end_takes_no_word_from_the_others() -> None:
    both = two_hosts()
    mail1, mail2 = Machine(both, "mail1"), Machine(both, "mail2")
    said = last_words([mail1.site(), silent(mail2)])
    assert "Submission is closed on mail1: there is no certificate yet." in said.text
    assert "Nothing is known of mail2: no answer within 60 seconds." in said.text
    assert not said.is_all_open
    alone = last_words([silent(Machine(declaration()))])
    assert "Nothing is known of mail1: no answer within 60 seconds." in alone.text


def test_the_last_words_come_behind_pyinfra_s_own_at_the_end_of_its_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    run = Run(Inventory((["mail1", "mail2"], {})), Config())
    monkeypatch.setattr(pyinfra, "is_cli", True)
    at_the_end(run, said.append, "+-- a box")
    assert said == []
    for one in run.inventory:
        run.trigger_callbacks("host_disconnect", one)
    assert said == ["\n+-- a box"]
    monkeypatch.setattr(pyinfra, "is_cli", False)
    at_the_end(run, said.append, "at once")
    assert said[1:] == ["\nat once"]
